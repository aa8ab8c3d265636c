/** Waiting for something that is only seen by looking. */

import { availableParallelism, loadavg } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** How long something may take here and now that takes `ms` on a machine with nothing else to do: longer by as much as tasks outnumber cores. */
export function allow(ms: number): number {
  return ms * Math.max(1, loadavg()[0]! / availableParallelism());
}

export interface UntilOptions {
  /** Longest wait on a machine with nothing else to do, in milliseconds; see {@linkcode allow}. Default 10,000. */
  readonly withinMs?: number;
  /** Between two looks, in milliseconds. Default 10. */
  readonly everyMs?: number;
}

/**
 * Looks again and again until `look` gives anything but undefined, null or false, and resolves to that.
 * A look that throws has not seen it. Rejects at the deadline, with what the last look threw as cause.
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
