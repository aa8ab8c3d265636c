/** Problems for the errors of a mutation on its way to the root. */

import type { ReplicationError, ReplicationErrorCode } from "../replication/mod.ts";
import {
  HttpProblem,
  type HttpProblemOptions,
  type ProblemKind,
  type ProblemStatus,
} from "./problem.ts";

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
