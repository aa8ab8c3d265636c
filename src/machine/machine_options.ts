/** The options of a machine, with their defaults and limits. */

import type { Machine, Tracer } from "./machine.ts";
import type { EXCEPTION } from "./schema.ts";

export interface MachineOptions<N extends string = string> {
  /** Names the machine in logs, errors and exports. Default: 16 random hex digits. */
  readonly id?: string;
  /** The index order: every state once, including `Exception`. Default: names in bytewise order. */
  readonly states?: readonly (N | typeof EXCEPTION)[];
  /** A handler that ran longer, measured when it returns, cancels its transition. In milliseconds, default 1,000. */
  readonly handlerTimeoutMs?: number;
  /** A handler that ran this long also empties the queue and adds an error. In milliseconds, default 10,000. */
  readonly handlerDeadlineMs?: number;
  /** How long after that all mutations except sets are refused. In milliseconds, default 3,000. */
  readonly handlerBackoffMs?: number;
  /** Most mutations in the queue; further ones are canceled. Default 1,000. */
  readonly queueLimit?: number;
  readonly tracers?: readonly Tracer[];
  /** The machine that this one belongs to; its tracers receive `submachineCreated`. */
  readonly parent?: Machine;
  /** Disposes the machine when aborted. */
  readonly signal?: AbortSignal;
  /** Monotonic milliseconds. Default: `performance.now`. */
  readonly now?: () => number;
  /** Receives every error, including one whose mutation is canceled. */
  readonly onError?: (error: Error) => void;
}

/** Limits and time source, with defaults filled in. */
export type ResolvedOptions = Required<
  Pick<
    MachineOptions,
    "handlerTimeoutMs" | "handlerDeadlineMs" | "handlerBackoffMs" | "queueLimit" | "now"
  >
>;

/** Fills in the defaults. Throws `RangeError` for a limit that is not a number >= 0. */
export function resolveOptions(options: MachineOptions): ResolvedOptions {
  const resolved = {
    handlerTimeoutMs: options.handlerTimeoutMs ?? 1_000,
    handlerDeadlineMs: options.handlerDeadlineMs ?? 10_000,
    handlerBackoffMs: options.handlerBackoffMs ?? 3_000,
    queueLimit: options.queueLimit ?? 1_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (!(value >= 0))
      throw new RangeError(`Cannot create a machine: ${name} is ${value}, not a number >= 0`);
  }
  return { ...resolved, now: options.now ?? (() => performance.now()) };
}

/** 16 random hex digits. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
