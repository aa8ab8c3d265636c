/** Errors on the wire: Connect's JSON error object, and the HTTP status of a unary response with one. */

import { ReplicationError, type ReplicationErrorCode } from "../clock/errors.ts";
import { MAX_NAME_LENGTH } from "../clock/limits.ts";

/** Connect protocol, "Error Codes". */
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

/** HTTP status of a unary response with this error. */
export function httpStatusOf({ code }: ReplicationError): number {
  return HTTP_STATUS[code];
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

/** Longest message accepted from a peer, in UTF-16 units, and most states: they appear in logs and responses. */
const MAX_MESSAGE_LENGTH = 1_000;
const MAX_STATES = 100;

/** Reads a Connect error object. `value` may have any shape, as it comes from a peer. */
export function fromWireError(value: unknown, fallback: ReplicationErrorCode): ReplicationError {
  const { code, message, states } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  const known = isCode(code) ? code : fallback;
  const text =
    typeof message === "string" && message !== ""
      ? message.slice(0, MAX_MESSAGE_LENGTH)
      : `The peer responded with the error "${typeof code === "string" ? code.slice(0, MAX_NAME_LENGTH) : known}"`;
  const names = (Array.isArray(states) ? states.slice(0, MAX_STATES) : []).filter(
    (name) => typeof name === "string" && name.length <= MAX_NAME_LENGTH,
  );
  if (known === "invalid_argument" && names.length > 0)
    return new ReplicationError("unknown_state", text, { states: names });
  // `unknown_state` is not a code of Connect: without states it is a plain `invalid_argument`.
  return new ReplicationError(known === "unknown_state" ? "invalid_argument" : known, text);
}

function isCode(code: unknown): code is ReplicationErrorCode {
  return typeof code === "string" && Object.hasOwn(HTTP_STATUS, code);
}
