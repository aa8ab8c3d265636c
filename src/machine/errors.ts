/** The errors of a machine that callers are expected to catch, and what is done with others. */

import { likelyNames } from "./nearest_names.ts";

export type MachineErrorCode =
  | "unknown_state"
  | "unknown_call"
  | "invalid_schema"
  | "invalid_import"
  | "invalid_argument"
  | "handler_timeout"
  | "in_transition"
  | "disposed";

/** Thrown by a machine's methods; kept as the machine's `err` where a handler or a schema is at fault. */
export class MachineError extends Error {
  override readonly name = "MachineError";
  readonly code: MachineErrorCode;
  /** The states that the error is about, including unknown ones; empty if it is about none. */
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

/** Turns any thrown value into an `Error`. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
}

/** Whether this only reports an abort, which a machine does not count as an error. */
export function isAbortError(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}

/** The error for a value that is no list of states, from untyped code. */
export function notStates(value: unknown): TypeError {
  return new TypeError(
    `Cannot use ${show(value)} as states: neither a state's name nor a list of names`,
  );
}

/** The error for args that are not an object, from untyped code; `states` are those of the mutation. */
export function notArgs(value: unknown, states: unknown): TypeError {
  const hint =
    typeof value === "string" && typeof states === "string"
      ? `; several states are one list, such as ["${states}", "${value}"]`
      : "";
  return new TypeError(`Cannot use ${show(value)} as args: not an object${hint}`);
}

/** A value in an error: short, whatever it is. */
function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null
    ? Object.prototype.toString.call(value)
    : String(value);
}

/** The error for a state name that the machine lacks; suggests the nearest names. */
export function unknownState(
  view: { readonly id: string; readonly names: readonly string[] },
  name: string,
): MachineError | TypeError {
  if (typeof name !== "string")
    return new TypeError(`Cannot use ${show(name)} as a state: not a name`);
  const nearest = likelyNames(name, view.names);
  const hint = nearest.length > 0 ? `; the nearest known are "${nearest.join('", "')}"` : "";
  return new MachineError(
    "unknown_state",
    `Cannot use state "${name}": machine "${view.id}" does not have it${hint}`,
    { states: [name] },
  );
}

/** Throws outside of any caller, as the platform does with an error in an event listener. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
