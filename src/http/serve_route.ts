/** Runs a route for a request, turns errors into responses, and calls the tracer. */

import type { Context } from "hono";
import { parseTraceparent } from "../replication/mod.ts";
import type { ResolvedOptions } from "./options.ts";
import { HttpProblem } from "./problem.ts";
import type { Exchange, Route } from "./route.ts";
import type { RequestTrace } from "./tracer.ts";

/** Responds to a request by `route.handle`; `route.path` is undefined if no pattern matched. Never rejects. */
export async function serveRoute(
  c: Context,
  route: { readonly path: string | undefined; readonly handle: Route["handle"] },
  options: ResolvedOptions,
): Promise<Response> {
  const request = c.req.raw;
  const trace = startTrace(request, route.path, options);
  let continued: Promise<void> | undefined;
  const exchange: Exchange = {
    // A getter, because some runtimes create the signal of a request at its first use.
    get signal() {
      return joinSignals(request.signal, options.signal);
    },
    get traceContext() {
      return trace?.traceContext ?? parseTraceparent(request.headers.get("traceparent") ?? "");
    },
    continueUntil: (done) => {
      continued = done;
    },
  };
  let response: Response;
  let error: unknown;
  try {
    response = await route.handle(c, exchange);
  } catch (thrown) {
    const problem = toProblem(thrown);
    response = problem.toResponse(c.req.path);
    if (problem.kind === "internal-error") options.onError(thrown, request);
    if (problem.status >= 500) error = thrown;
  }
  response = withNoSniff(response);
  if (trace !== undefined) {
    const outcome = { status: response.status, ...(error === undefined ? {} : { error }) };
    const end = (): void => guard(() => trace.end(outcome), request, options);
    if (continued === undefined) end();
    else continued.then(end, end);
  }
  return response;
}

function withNoSniff(response: Response): Response {
  try {
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  } catch {
    // The headers of a response from fetch() are immutable; those of its copy are not.
    return withNoSniff(new Response(response.body, response));
  }
}

function toProblem(thrown: unknown): HttpProblem {
  if (thrown instanceof HttpProblem) return thrown;
  return new HttpProblem(
    500,
    "internal-error",
    "Cannot respond to this request: the node met an unexpected error",
    { cause: thrown },
  );
}

function startTrace(
  request: Request,
  route: string | undefined,
  options: ResolvedOptions,
): RequestTrace | undefined {
  if (options.tracer === undefined) return undefined;
  return guard(() => options.tracer?.onRequest({ request, route }), request, options);
}

/** Runs the tracer's code. Its errors are reported and do not reach the client. */
function guard<T>(run: () => T, request: Request, options: ResolvedOptions): T | undefined {
  try {
    return run();
  } catch (error) {
    options.onError(error, request);
    return undefined;
  }
}

function joinSignals(request: AbortSignal, api: AbortSignal | undefined): AbortSignal {
  return api === undefined ? request : AbortSignal.any([request, api]);
}
