/** What an error on the way to the root means to an HTTP client. */

import type { ReplicationError, ReplicationErrorCode } from "../replication/mod.ts";
import {
  HttpProblem,
  type HttpProblemOptions,
  type ProblemKind,
  type ProblemStatus,
} from "./problem.ts";

type Answer = readonly [ProblemStatus, ProblemKind, HttpProblemOptions?];

const TRY_AGAIN: Answer = [503, "upstream-unavailable", { headers: { "retry-after": "1" } }];
const FAILED: Answer = [502, "upstream-failed"];

const ANSWERS: Readonly<Record<ReplicationErrorCode, Answer>> = {
  unavailable: TRY_AGAIN,
  resource_exhausted: TRY_AGAIN,
  aborted: TRY_AGAIN,
  // By a node on the way that closes: where the client itself has gone, nobody reads this.
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

/** Turns what `NodeApi.mutate` rejected with into a problem, by its code. */
export function toReplicationProblem(error: ReplicationError): HttpProblem {
  const [status, kind, options] = ANSWERS[error.code];
  return new HttpProblem(status, kind, error.message, { ...options, cause: error });
}
