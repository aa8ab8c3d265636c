/** `GET /metrics`: what telemetry counts, as Prometheus text, or as OpenMetrics for clients that accept it. */

import type { Route } from "../http/mod.ts";
import type { TelemetryBackend } from "../telemetry/mod.ts";

export function createMetricsRoute(backend: TelemetryBackend): Route {
  return {
    method: "GET",
    path: "/metrics",
    handle: (c) => {
      const { body, contentType } = backend.renderMetrics(c.req.header("accept"));
      return new Response(body, {
        headers: { "content-type": contentType, "cache-control": "no-store", vary: "accept" },
      });
    },
  };
}
