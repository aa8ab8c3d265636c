/**
 * Problem details (RFC 9457): the form of every error response. Routes throw an
 * {@linkcode HttpProblem}; `serve_route.ts` turns it, or any other error, into a response.
 */

import type { ReplicationError, ReplicationErrorCode } from "../replication/mod.ts";

/** Statuses that this API uses for problems. Only tracers see 499: the client has left. */
export type ProblemStatus =
  | 400
  | 404
  | 405
  | 406
  | 409
  | 413
  | 415
  | 422
  | 499
  | 500
  | 502
  | 503
  | 504;

/** The last part of the `type` URI. Programs match on it, so it never changes. */
export type ProblemKind =
  | "invalid-parameter"
  | "invalid-header"
  | "broken-json"
  | "not-found"
  | "unknown-state"
  | "state-not-followed"
  | "method-not-allowed"
  | "not-acceptable"
  | "body-too-large"
  | "unsupported-media-type"
  | "invalid-mutation"
  | "invalid-call"
  | "call-refused"
  | "client-gone"
  | "closing"
  | "internal-error"
  | "no-clock-yet"
  | "stale-clock"
  | "version-not-reached"
  | "state-not-reached"
  | "too-many-streams"
  | "upstream-unavailable"
  | "upstream-failed"
  | "deadline-exceeded";

/** Prefix of every problem's `type` URI. */
export const PROBLEM_TYPE_PREFIX = "urn:tree-state-source:problem:";

const TITLES: Record<ProblemKind, string> = {
  "invalid-parameter": "A query parameter is invalid",
  "invalid-header": "A request header is invalid",
  "broken-json": "The body is not JSON",
  "not-found": "Nothing is here",
  "unknown-state": "The machine has no such state",
  "state-not-followed": "This node does not follow the state",
  "method-not-allowed": "The method is not allowed here",
  "not-acceptable": "None of the accepted media types is available",
  "body-too-large": "The body is too large",
  "unsupported-media-type": "The body's media type is not supported",
  "invalid-mutation": "The mutation is invalid",
  "invalid-call": "The call is invalid",
  "call-refused": "The machine refuses the call now",
  "client-gone": "The client went away",
  closing: "This node is shutting down",
  "internal-error": "The node failed to answer",
  "no-clock-yet": "This node has not seen a clock yet",
  "stale-clock": "This node's clock is too old",
  "version-not-reached": "The version was not reached in time",
  "state-not-reached": "The state was not reached in time",
  "too-many-streams": "Too many event streams are open",
  "upstream-unavailable": "The root cannot be reached",
  "upstream-failed": "The root failed to answer",
  "deadline-exceeded": "The mutation was not confirmed in time",
};

/** What an {@linkcode HttpProblem} may carry besides status, kind and detail. */
export interface HttpProblemOptions {
  /** Extension members of the body; not the five that RFC 9457 defines. */
  readonly members?: Readonly<Record<string, unknown>>;
  /** Headers of the response, such as `allow` or `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A problem response as an error. `message` becomes the body's `detail`, which is for people. */
export class HttpProblem extends Error {
  override readonly name = "HttpProblem";
  readonly status: ProblemStatus;
  readonly kind: ProblemKind;
  readonly members: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ProblemStatus,
    kind: ProblemKind,
    detail: string,
    { members = {}, headers = {}, cause }: HttpProblemOptions = {},
  ) {
    super(detail, { cause });
    this.status = status;
    this.kind = kind;
    this.members = members;
    this.headers = headers;
  }

  /** The problem as an `application/problem+json` response about `path`: not cached, without a stack. */
  toResponse(path: string): Response {
    const body = {
      type: PROBLEM_TYPE_PREFIX + this.kind,
      title: TITLES[this.kind],
      status: this.status,
      detail: this.message,
      instance: path,
      ...this.members,
    };
    return new Response(JSON.stringify(body), {
      status: this.status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...this.headers,
      },
    });
  }
}

/** The problem of a request whose signal was aborted: either the client left, or the node shuts down. */
export function toEndedProblem(request: Request, cause?: unknown): HttpProblem {
  if (request.signal.aborted) {
    return new HttpProblem(499, "client-gone", "Cannot respond: the client has left", { cause });
  }
  return new HttpProblem(503, "closing", "Cannot respond: this node is shutting down", {
    headers: { "retry-after": "1" },
    cause,
  });
}

type Problem = readonly [ProblemStatus, ProblemKind, HttpProblemOptions?];

const TRY_AGAIN: Problem = [503, "upstream-unavailable", { headers: { "retry-after": "1" } }];
const FAILED: Problem = [502, "upstream-failed"];

const PROBLEMS: Readonly<Record<ReplicationErrorCode, Problem>> = {
  unavailable: TRY_AGAIN,
  resource_exhausted: TRY_AGAIN,
  aborted: TRY_AGAIN,
  // By a node on the way that shuts down; if the client itself has left, nobody reads this.
  canceled: TRY_AGAIN,
  deadline_exceeded: [504, "deadline-exceeded"],
  invalid_argument: [422, "invalid-mutation"],
  unknown_state: [422, "unknown-state"],
  unknown: FAILED,
  not_found: FAILED,
  failed_precondition: FAILED,
  unimplemented: FAILED,
  internal: FAILED,
  data_loss: FAILED,
};

/** The problem for an error of `NodeApi.mutate`, by its code. */
export function toReplicationProblem(error: ReplicationError): HttpProblem {
  const [status, kind, options] = PROBLEMS[error.code];
  return new HttpProblem(status, kind, error.message, { ...options, cause: error });
}
