/** `GET /metrics`: what telemetry counts, as Prometheus text. */

import type { Route } from "../http/mod.ts";
import type { TelemetryBackend } from "../telemetry/mod.ts";

export function createMetricsRoute(backend: TelemetryBackend): Route {
  return {
    method: "GET",
    path: "/metrics",
    handle: () => {
      const { body, contentType } = backend.renderMetrics();
      return new Response(body, {
        headers: { "content-type": contentType, "cache-control": "no-store" },
      });
    },
  };
}
