/** What a route is, and what `createHttpApi` hands to the functions that make routes. */

import type { Context } from "hono";

/** One method of one path. Routes of the same path may stand anywhere in the list. */
export interface Route {
  /** HEAD comes with GET; OPTIONS and 405 are answered from the list. */
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** A Hono pattern such as `/states/:name`; also the `http.route` that observers see. */
  readonly path: string;
  /** Answers, or throws: an `HttpProblem` as itself, anything else as 500. */
  handle(c: Context, exchange: Exchange): Response | Promise<Response>;
}

/** One request under way, beyond what Hono knows of it. */
export interface Exchange {
  /** Aborted when the client goes away or the API closes. */
  readonly signal: AbortSignal;
  /** Trace context to hand on, as in `MutationRequest`: the observer's own, else that of the request's `traceparent`. */
  readonly traceContext: Uint8Array | undefined;
  /** Tells observers that the answer goes on until `done`, as a stream's does. */
  continueUntil(done: Promise<void>): void;
}
