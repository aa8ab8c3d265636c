/** `POST /calls/:name`: calls a function that the machine at the root serves, at any node. */

import { encodeArgs, ReplicationError, withDeadline } from "../replication/mod.ts";
import { readJsonBody } from "./mutation_body.ts";
import type { RouteContext } from "./options.ts";
import { HttpProblem, toEndedProblem, toReplicationProblem } from "./problem.ts";
import { JSON_TYPE, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";

/**
 * Creates `POST /calls/:name`: the body, a JSON object, is the function's args; none without a body. Returns
 * `{"result","version"}`, the version of the clock when the function had returned; without `result` if it
 * returned nothing. 404 for a name that the machine does not serve, with the nearest ones in the detail.
 */
export function createCallsRoute({ node, options }: RouteContext): Route {
  return {
    method: "POST",
    path: "/calls/:name",
    handle: async (c, exchange) => {
      const name = c.req.param("name") ?? "";
      const argsJson = await readArgs(c.req.raw, name, options.maxBodyBytes);
      const { traceContext, signal } = exchange;
      const timeoutMs = options.mutationTimeoutMs;
      const request = {
        name,
        ...(argsJson !== undefined && { argsJson }),
        ...(traceContext !== undefined && { traceContext }),
      };
      const toError = () =>
        new HttpProblem(
          504,
          "deadline-exceeded",
          `Cannot return the result of "${name}" within ${timeoutMs} ms: it may run nevertheless`,
        );
      try {
        const { resultJson, version } = await withDeadline(
          (deadline) => node.call(request, { signal: deadline, timeoutMs }),
          { time: node.time, timeoutMs, toError, signal },
        );
        const result = resultJson === undefined ? "" : `"result":${resultJson},`;
        return respondWithBody(`{${result}"version":${JSON.stringify(version)}}`, {
          "content-type": JSON_TYPE,
          "cache-control": "no-store",
        });
      } catch (error) {
        if (signal.aborted) throw toEndedProblem(c.req.raw, error);
        if (!(error instanceof ReplicationError)) throw error;
        throw toCallProblem(name, error);
      }
    },
  };
}

async function readArgs(
  request: Request,
  name: string,
  maxBytes: number,
): Promise<string | undefined> {
  if (request.body === null || request.headers.get("content-length") === "0") return undefined;
  const args = await readJsonBody(request, maxBytes);
  if (typeof args !== "object" || args === null || Array.isArray(args)) {
    throw new HttpProblem(
      422,
      "invalid-call",
      `Cannot call "${name}": the body is not a JSON object of args`,
    );
  }
  try {
    return encodeArgs(args as Record<string, unknown>);
  } catch (error) {
    throw toCallProblem(name, ReplicationError.from(error));
  }
}

/** What the function itself reports is the client's concern; the rest is as for mutations. */
function toCallProblem(name: string, error: ReplicationError): HttpProblem {
  const { message } = error;
  switch (error.code) {
    case "not_found":
      return new HttpProblem(404, "not-found", message, { cause: error });
    case "invalid_argument":
    case "unknown_state":
      return new HttpProblem(422, "invalid-call", message, { cause: error });
    case "failed_precondition":
    case "aborted":
      return new HttpProblem(409, "call-refused", message, { cause: error });
    case "internal":
      return new HttpProblem(502, "upstream-failed", `Cannot run "${name}": it failed`, {
        cause: error,
      });
    default:
      return toReplicationProblem(error);
  }
}
