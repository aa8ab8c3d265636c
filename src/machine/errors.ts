/** Errors of a machine that callers are expected to catch. */

export type MachineErrorCode =
  | "unknown_state"
  | "invalid_schema"
  | "invalid_import"
  | "invalid_argument"
  | "handler_timeout"
  | "in_transition"
  | "disposed";

/** Thrown by a machine's methods, and kept as the machine's error where a handler or a schema is at fault. */
export class MachineError extends Error {
  override readonly name = "MachineError";
  readonly code: MachineErrorCode;
  /** The states that the error is about, unknown ones included; empty where it is about none. */
  readonly states: readonly string[];

  constructor(
    code: MachineErrorCode,
    message: string,
    options: { readonly states?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.states = options.states ?? [];
  }
}

/** Any thrown value as an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}

/** Whether this is nothing but the news that something was aborted, which no machine takes for an error. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
