/** The one error class of replication: what peers tell each other, and what callers of a mutation catch. */

import { MAX_NAME_LENGTH } from "./limits.ts";

/** Connect's codes, as far as they are used, and `unknown_state`, which is `invalid_argument` on the wire. */
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

/** Each code's HTTP status in a unary answer (Connect protocol, "Error Codes"). */
const HTTP_STATUS: Record<ReplicationErrorCode, number> = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  unknown_state: 400,
  deadline_exceeded: 504,
  not_found: 404,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
};

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

  /** HTTP status of a unary answer with this error. */
  get httpStatus(): number {
    return HTTP_STATUS[this.code];
  }

  /** Any thrown value as an error with a code. What is not one of ours was not foreseen, and peers learn no more than that. */
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

/** Connect's error object: `{"code","message"}`. `unknown_state` travels as `invalid_argument` with its states. */
export interface WireError {
  readonly code: string;
  readonly message?: string;
  readonly states?: readonly string[];
}

export function toWireError(error: ReplicationError): WireError {
  const { code, message, states } = error;
  return code === "unknown_state"
    ? { code: "invalid_argument", message, states }
    : { code, message };
}

/** Longest message taken from a peer, in UTF-16 units, and most states: they end up in logs and answers. */
const MAX_MESSAGE_LENGTH = 1_000;
const MAX_STATES = 100;

/** Reads a Connect error object of whatever shape a peer sent. */
export function fromWireError(value: unknown, fallback: ReplicationErrorCode): ReplicationError {
  const { code, message, states } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  const known = isCode(code) ? code : fallback;
  const text =
    typeof message === "string" && message !== ""
      ? message.slice(0, MAX_MESSAGE_LENGTH)
      : `The peer answered with the error "${typeof code === "string" ? code.slice(0, MAX_NAME_LENGTH) : known}"`;
  const names = (Array.isArray(states) ? states.slice(0, MAX_STATES) : []).filter(
    (name) => typeof name === "string" && name.length <= MAX_NAME_LENGTH,
  );
  if (known === "invalid_argument" && names.length > 0)
    return new ReplicationError("unknown_state", text, { states: names });
  // Not a code of Connect's: it stands for states, and there are none.
  return new ReplicationError(known === "unknown_state" ? "invalid_argument" : known, text);
}

function isCode(code: unknown): code is ReplicationErrorCode {
  return typeof code === "string" && Object.hasOwn(HTTP_STATUS, code);
}
