/** Polling, for conditions without an event. */

import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** The time to allow for something that takes `ms` on an idle machine: longer by the number of running tasks per core. */
export function allow(ms: number): number {
  return ms * Math.max(1, loadavg()[0]! / availableParallelism());
}

export interface UntilOptions {
  /** Longest wait on an idle machine, in milliseconds; see {@linkcode allow}. Default 10,000. */
  readonly withinMs?: number;
  /** Between two calls, in milliseconds. Default 10. */
  readonly everyMs?: number;
}

/**
 * Calls `look` until it returns anything but undefined, null or false, and resolves to that. A call that
 * throws counts as false. Rejects at the deadline, with the error of the last call as cause.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 10 }: UntilOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const allowedMs = allow(withinMs);
  const untilMs = performance.now() + allowedMs;
  let cause: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false)
        return seen as Exclude<T, undefined | null | false>;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= untilMs) {
      const why = cause instanceof Error ? `: ${cause.message}` : "";
      throw new Error(`Cannot see ${what} within ${Math.round(allowedMs)} ms${why}`, { cause });
    }
    await sleep(everyMs);
  }
}
