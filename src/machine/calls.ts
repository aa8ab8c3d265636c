/** Calls: named functions that a machine serves to its callers, in this process or over a network. */

import { MachineError } from "./errors.ts";
import { likelyNames } from "./nearest_names.ts";

/** What a served function receives besides its args. */
export interface CallContext {
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
  /** The caller's `context`, such as a trace context, to be passed on with mutations that follow from the call. */
  readonly context: unknown;
}

/** A served function. Args and result must be JSON if callers reach it over a network. */
export type ServedCall<T = never> = (args: T, context: CallContext) => unknown;

/** Served functions by name. */
export type ServedCalls = Readonly<Record<string, ServedCall>>;

/** The args of a served function. */
export type CallArgs<F> = F extends (args: infer T, ...rest: never[]) => unknown ? T : never;

/** What a served function resolves to. */
export type CallResult<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Passed to the function. */
  readonly context?: unknown;
}

/** Why a call failed, as far as its caller may know. */
export type CallErrorCode =
  | "invalid_argument"
  | "not_found"
  | "failed_precondition"
  | "resource_exhausted"
  | "aborted"
  | "unavailable";

/**
 * Thrown by a served function to tell its caller what was wrong, over any number of hops. Other errors are
 * the program's own: a caller over a network learns only that there was one.
 */
export class CallError extends Error {
  override readonly name = "CallError";
  readonly code: CallErrorCode;

  constructor(code: CallErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Names that begin with this are the machine's own. */
const RESERVED = "machine.";
const NAME_PATTERN = /^[A-Za-z_][\w.-]{0,254}$/;

/** The functions that one machine serves. */
export class CallTable {
  readonly #machineId: string;
  readonly #calls = new Map<string, ServedCall>();

  constructor(machineId: string) {
    this.#machineId = machineId;
  }

  get names(): string[] {
    return [...this.#calls.keys()];
  }

  /** Adds functions. Returns their removal. Throws `MachineError`, and adds none, for a bad or taken name, or what is not a function. */
  add(calls: ServedCalls): () => void {
    const entries = Object.entries(calls);
    for (const [name, call] of entries) {
      const fault = !NAME_PATTERN.test(name)
        ? "a name is 1 to 255 letters, digits, ., _ and -, and begins with a letter or _"
        : name.startsWith(RESERVED)
          ? `names that begin with "${RESERVED}" are the machine's own`
          : typeof call !== "function"
            ? `it is not a function, but ${call === null ? "null" : typeof call}`
            : this.#calls.has(name)
              ? "it is served already"
              : undefined;
      if (fault !== undefined)
        throw new MachineError(
          "invalid_argument",
          `Cannot serve "${name}" on "${this.#machineId}": ${fault}`,
        );
    }
    for (const [name, call] of entries) this.#calls.set(name, call);
    return () => {
      for (const [name, call] of entries)
        if (this.#calls.get(name) === call) this.#calls.delete(name);
    };
  }

  /** Runs a function. Rejects with what it throws, and with `MachineError` (`unknown_call`) if none is served by that name. */
  async run(name: string, args: unknown, options: CallOptions): Promise<unknown> {
    const call = this.#calls.get(name);
    if (call === undefined) {
      const nearest = likelyNames(name, this.names);
      const hint = nearest.length > 0 ? `; the nearest known are "${nearest.join('", "')}"` : "";
      throw new MachineError(
        "unknown_call",
        `Cannot call "${name}": machine "${this.#machineId}" does not serve it${hint}`,
      );
    }
    const { signal = new AbortController().signal, context } = options;
    signal.throwIfAborted();
    return await call(args as never, { signal, context });
  }
}
