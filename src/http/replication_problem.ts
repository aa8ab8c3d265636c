/** What an error of the way to the root means to an HTTP client. */

import {
  HttpProblem,
  type HttpProblemOptions,
  type ProblemKind,
  type ProblemStatus,
} from "./problem.ts";

const RETRY_SOON: HttpProblemOptions = { headers: { "retry-after": "1" } };

/** By the error's code; codes that are not listed are this tree's own fault: 502. */
const BY_CODE: Readonly<
  Record<string, readonly [ProblemStatus, ProblemKind, HttpProblemOptions?]>
> = {
  unavailable: [503, "upstream-unavailable", RETRY_SOON],
  resource_exhausted: [503, "upstream-unavailable", RETRY_SOON],
  canceled: [503, "upstream-unavailable", RETRY_SOON],
  aborted: [503, "upstream-unavailable", RETRY_SOON],
  deadline_exceeded: [504, "deadline-exceeded"],
  invalid_argument: [422, "invalid-mutation"],
  unknown_state: [422, "unknown-state"],
};

/**
 * Turns what `NodeApi.mutate` threw into a problem, by its `code`. An error without a code is
 * returned as it is: a bug, which becomes a 500.
 */
export function toReplicationProblem(error: unknown): unknown {
  if (!(error instanceof Error) || !("code" in error) || error.name !== "ReplicationError") {
    return error;
  }
  const [status, kind, options] = BY_CODE[String(error.code)] ?? [502, "upstream-failed"];
  return new HttpProblem(status, kind, error.message, { ...options, cause: error });
}
