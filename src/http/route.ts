/** One route of the HTTP API, and what its handler receives. */

import type { Context } from "hono";

/** One method of one path. Routes of the same path need not be neighbours in a list. */
export interface Route {
  /** GET implies HEAD. OPTIONS and 405 follow from the list of routes. */
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** A Hono pattern such as `/states/:name`; also the `http.route` that tracers see. */
  readonly path: string;
  /** Responds, or throws: an `HttpProblem` becomes its response, any other error 500. */
  handle(c: Context, exchange: Exchange): Response | Promise<Response>;
}

/** What a handler needs for one request besides the Hono context. */
export interface Exchange {
  /** Aborted when the client leaves or the API shuts down. */
  readonly signal: AbortSignal;
  /** Trace context for `MutationRequest`: the tracer's, else that of the request's `traceparent`. */
  readonly traceContext: Uint8Array | undefined;
  /** Delays the end of the request's trace until `done` settles: the response is a stream. */
  continueUntil(done: Promise<void>): void;
}
