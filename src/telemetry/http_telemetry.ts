/** Metrics and spans of requests to a node's HTTP API, by the semantic conventions. */

import { SpanKind } from "@opentelemetry/api";
import type { HttpTracer, RequestOutcome, RequestTrace, TracedRequest } from "../http/mod.ts";
import { parseTraceparent } from "../replication/mod.ts";
import {
  ATTR_HTTP_REQUEST_METHOD,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_URL_PATH,
  ATTR_URL_SCHEME,
  METRIC_HTTP_ACTIVE,
  METRIC_HTTP_DURATION,
} from "./semconv.ts";
import type { TelemetryServices } from "./services.ts";
import type { TracedSpan } from "./tracing.ts";

type Services = Pick<TelemetryServices, "metrics" | "tracing" | "time">;

/** Methods that metrics name (RFC 9110 and 5789); all others are `_OTHER`. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"]);

/** Routes that machines poll: no trace begins there, but a sampled one continues. */
const UNTRACED_ROUTES = new Set(["/metrics", "/healthz", "/readyz"]);

/** Whether the response lasts until the client leaves: its duration means nothing, so it is neither measured nor traced. */
function isStream(route: string): boolean {
  return route.endsWith("/stream") || route.endsWith("/Subscribe");
}

/** Whether the route belongs to the replication protocol, whose mutations get their span in `ReplicationTelemetry`. */
function isReplication(route: string): boolean {
  return route.startsWith("/statesource.");
}

export class HttpTelemetry implements HttpTracer {
  readonly #services: Services;
  readonly #durations;
  #active = 0;

  constructor(services: Services) {
    this.#services = services;
    this.#durations = services.metrics.histograms(METRIC_HTTP_DURATION);
    services.metrics.observe(METRIC_HTTP_ACTIVE, (report) => report(this.#active));
  }

  onRequest({ request, route = "" }: TracedRequest): RequestTrace {
    const { time } = this.#services;
    const startMs = time.monotonic();
    const method = METHODS.has(request.method) ? request.method : "_OTHER";
    const { span, context } = this.#start(request, method, route);
    this.#active++;
    return {
      traceContext: context,
      end: (outcome) => {
        this.#active--;
        const endMs = time.monotonic();
        if (!isStream(route)) {
          const durations = this.#durations.at(method, route, String(outcome.status));
          const seconds = (endMs - startMs) / 1000;
          if (span?.isRecording) durations.recordTraced(seconds, span.context, time.now());
          else durations.record(seconds);
        }
        if (span !== undefined) finish(span, outcome, endMs);
      },
    };
  }

  #start(request: Request, method: string, route: string): Started {
    const { tracing } = this.#services;
    if (tracing === undefined || isStream(route) || isReplication(route)) return NOTHING;
    const header = request.headers.get("traceparent");
    if (header === null && UNTRACED_ROUTES.has(route)) return NOTHING;
    const parent = header === null ? undefined : parseTraceparent(header);
    if (parent === undefined && !tracing.keepsRoot()) {
      // Of all requests, only mutations reach nodes that would decide again.
      const context = method === "POST" ? tracing.createUnkept() : undefined;
      return { span: undefined, context };
    }
    const { pathname, protocol } = new URL(request.url);
    const name = route === "" ? method : `${method} ${route}`;
    const options = {
      kind: SpanKind.SERVER,
      parent,
      attributes: {
        [ATTR_HTTP_REQUEST_METHOD]: method,
        [ATTR_URL_PATH]: pathname,
        [ATTR_URL_SCHEME]: protocol.slice(0, -1),
        ...(route !== "" && { [ATTR_HTTP_ROUTE]: route }),
      },
    };
    const span =
      parent === undefined ? tracing.startRoot(name, options) : tracing.start(name, options);
    return { span, context: span.context };
  }
}

interface Started {
  readonly span: TracedSpan | undefined;
  readonly context: Uint8Array | undefined;
}

const NOTHING: Started = { span: undefined, context: undefined };

function finish(span: TracedSpan, { status, error }: RequestOutcome, endMs: number): void {
  if (span.isRecording) {
    span.set({ [ATTR_HTTP_RESPONSE_STATUS_CODE]: status });
    if (status >= 500) span.fail(String(status), error === undefined ? undefined : String(error));
  }
  span.end(endMs);
}
