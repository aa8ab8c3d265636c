/** `POST /mutations`: requests a mutation from the root, at any node. */

import { nearestNames } from "../machine/mod.ts";
import {
  isSelected,
  type MutationRequest,
  type MutationResponse,
  ReplicationError,
  withDeadline,
} from "../replication/mod.ts";
import { type BodyError, readJsonBody, toMutationRequest } from "./mutation_body.ts";
import type { NodeApi } from "./node_api.ts";
import type { RouteContext } from "./options.ts";
import { HttpProblem, toEndedProblem, toReplicationProblem } from "./problem.ts";
import { JSON_TYPE, respondWithBody } from "./response.ts";
import type { Route } from "./route.ts";

/** How many unknown states a problem names, and for how many of them it looks up the nearest names. */
const MAX_UNKNOWN_NAMED = 10;
const MAX_NEAREST_LOOKUPS = 3;

const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/**
 * Creates `POST /mutations`: `{"type","states","args"?}` returns `{"result","version","rejected"?}`.
 * The result is "executed" or "canceled", and the version is the one at which it holds:
 * `GET /states?min-version=` waits for it at any node. Requests with the same `Idempotency-Key` run
 * once. Only `application/json` is accepted, because browsers send it to other origins only after a
 * preflight request (CORS).
 */
export function createMutationsRoute({ node, options }: RouteContext): Route {
  return {
    method: "POST",
    path: "/mutations",
    handle: async (c, exchange) => {
      const idempotencyKey = readIdempotencyKey(c.req.header("idempotency-key"));
      const mutation = toMutationRequest(await readJsonBody(c.req.raw, options.maxBodyBytes));
      if ("errors" in mutation) throw invalidMutation(mutation.errors);
      const unknown = listUnknownStates(node, mutation.states);
      if (unknown.length > 0) throw unknownStates(node, unknown);
      const { traceContext } = exchange;
      const request: MutationRequest = {
        ...mutation,
        ...(idempotencyKey !== undefined && { idempotencyKey }),
        ...(traceContext !== undefined && { traceContext }),
      };
      const { result, version, rejected } = await mutateInTime(
        node,
        request,
        c.req.raw,
        exchange.signal,
        options.mutationTimeoutMs,
      );
      const body = { result, version, ...(rejected === undefined ? {} : { rejected }) };
      return respondWithBody(JSON.stringify(body), {
        "content-type": JSON_TYPE,
        "cache-control": "no-store",
      });
    },
  };
}

/** Runs the mutation with the request's signal and a time limit; turns its errors into problems. */
async function mutateInTime(
  node: NodeApi,
  request: MutationRequest,
  http: Request,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<MutationResponse> {
  const toError = () =>
    new HttpProblem(
      504,
      "deadline-exceeded",
      `Cannot confirm the mutation within ${timeoutMs} ms: it may still be executed; send it again with the same Idempotency-Key to learn its result`,
    );
  try {
    return await withDeadline((deadline) => node.mutate(request, { signal: deadline, timeoutMs }), {
      time: node.time,
      timeoutMs,
      toError,
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw toEndedProblem(http, error);
    if (!(error instanceof ReplicationError)) throw error;
    // The root's schema may be newer than this node's or, with a selection, have more states.
    if (error.states.length > 0) {
      if (error.states.every((state) => isJudgedHere(node, state)))
        throw unknownStates(node, error.states);
      const unknown = error.states.slice(0, MAX_UNKNOWN_NAMED).map((state) => ({ state }));
      throw new HttpProblem(422, "unknown-state", error.message, { members: { unknown } });
    }
    throw toReplicationProblem(error);
  }
}

/** The key as text: a structured-field string (in quotes), as in the IETF draft, or a bare key. */
function readIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header);
  const key = quoted === null ? header : quoted[1]!.replaceAll(/\\(.)/g, "$1");
  if (!KEY_PATTERN.test(key)) {
    throw new HttpProblem(
      400,
      "invalid-header",
      `Cannot use the Idempotency-Key: it has ${key.length} characters, and 1 to 255 of printable ASCII without spaces are allowed`,
      { members: { header: "idempotency-key" } },
    );
  }
  return key;
}

/** The states, each once, that this node's schema lacks. Before the first sync there is no schema, and the root decides. */
function listUnknownStates(node: NodeApi, states: readonly string[]): string[] {
  if (node.clock.epoch === "") return [];
  return [...new Set(states)].filter(
    (state) => node.clock.indexOf(state) < 0 && isJudgedHere(node, state),
  );
}

/** Whether this node would have the state if it existed; only the root knows the states outside of its selection. */
function isJudgedHere({ selection }: NodeApi, state: string): boolean {
  return selection === undefined || isSelected(selection, state);
}

function unknownStates(node: NodeApi, unknown: readonly string[]): HttpProblem {
  const named = unknown.slice(0, MAX_UNKNOWN_NAMED).map((state, index) => {
    const nearest = index < MAX_NEAREST_LOOKUPS ? nearestNames(state, node.clock.names) : undefined;
    return { state, ...(nearest === undefined ? {} : { nearest }) };
  });
  const detail = named
    .map(
      ({ state, nearest }) =>
        `"${state}"${nearest ? ` (nearest known: ${nearest.join(", ")})` : ""}`,
    )
    .join(", ");
  const more = unknown.length > named.length ? ` and ${unknown.length - named.length} more` : "";
  return new HttpProblem(
    422,
    "unknown-state",
    `Cannot run the mutation: the schema does not have ${detail}${more}`,
    { members: { unknown: named } },
  );
}

function invalidMutation(errors: readonly BodyError[]): HttpProblem {
  const detail = errors.map((error) => error.detail).join("; ");
  return new HttpProblem(422, "invalid-mutation", `Cannot run the mutation: ${detail}`, {
    members: { errors },
  });
}
