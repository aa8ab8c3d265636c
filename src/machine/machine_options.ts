/** The options of a machine, with their defaults and limits. */

import type { Machine } from "./machine.ts";
import type { EXCEPTION } from "./schema.ts";
import type { Tracer } from "./tracer.ts";

export interface MachineOptions<N extends string = string> {
  /** Names the machine in logs, errors and exports. Default: 16 random hex digits. */
  readonly id?: string;
  /** The index order: every state once, `Exception` included. Default: names in bytewise order. */
  readonly states?: readonly (N | typeof EXCEPTION)[];
  /** How long a handler may run before its transition is canceled, in milliseconds. Default 1,000. Measured when it returns. */
  readonly handlerTimeoutMs?: number;
  /** A handler that ran this long also empties the queue and adds an error. Default 10,000. */
  readonly handlerDeadlineMs?: number;
  /** How long mutations are then refused, in milliseconds. Default 3,000. */
  readonly handlerBackoffMs?: number;
  /** Mutations that may wait in the queue; further ones are canceled. Default 1,000. */
  readonly queueLimit?: number;
  readonly tracers?: readonly Tracer[];
  /** A machine that this one belongs to: its tracers are told. */
  readonly parent?: Machine;
  /** Disposes the machine when aborted. */
  readonly signal?: AbortSignal;
  /** Monotonic milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
  /** Is told of each error, also those whose mutation is canceled. */
  readonly onError?: (error: Error) => void;
}

/** What a machine goes by, defaults filled in. */
export type ResolvedOptions = Required<
  Pick<
    MachineOptions,
    "handlerTimeoutMs" | "handlerDeadlineMs" | "handlerBackoffMs" | "queueLimit" | "now"
  >
>;

/** Fills in the defaults. Throws `RangeError` for a limit that is not a number from 0. */
export function resolveOptions(options: MachineOptions): ResolvedOptions {
  const resolved = {
    handlerTimeoutMs: options.handlerTimeoutMs ?? 1_000,
    handlerDeadlineMs: options.handlerDeadlineMs ?? 10_000,
    handlerBackoffMs: options.handlerBackoffMs ?? 3_000,
    queueLimit: options.queueLimit ?? 1_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (!(value >= 0))
      throw new RangeError(`Cannot create a machine: ${name} is ${value}, not a number from 0`);
  }
  return { ...resolved, now: options.now ?? (() => performance.now()) };
}

/** 16 random hex digits. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
