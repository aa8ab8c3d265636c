/** The one error class of replication: what peers send each other, and what callers of a mutation catch. */

/** Connect's codes, as far as this project uses them, and `unknown_state`, which is `invalid_argument` on the wire. */
export type ReplicationErrorCode =
  | "canceled"
  | "unknown"
  | "invalid_argument"
  | "unknown_state"
  | "deadline_exceeded"
  | "not_found"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss";

export class ReplicationError extends Error {
  override readonly name = "ReplicationError";
  readonly code: ReplicationErrorCode;
  /** The unknown states of `unknown_state`. */
  readonly states: readonly string[];

  constructor(
    code: ReplicationErrorCode,
    message: string,
    options: { readonly states?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.states = options.states ?? [];
  }

  /** Any thrown value as an error with a code. An unforeseen one is `internal`, and peers learn nothing more of it. */
  static from(thrown: unknown): ReplicationError {
    if (thrown instanceof ReplicationError) return thrown;
    if (thrown instanceof Error && thrown.name === "AbortError") {
      return new ReplicationError("canceled", "The request was canceled", { cause: thrown });
    }
    if (thrown instanceof Error && thrown.name === "TimeoutError") {
      return new ReplicationError("deadline_exceeded", "The deadline has passed", {
        cause: thrown,
      });
    }
    return new ReplicationError("internal", "Internal error", { cause: thrown });
  }
}
