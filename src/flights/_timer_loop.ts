/** Doing something again and again on an injected time source, until a signal aborts. */

import type { FeedTime } from "./feed.ts";

/** Longest wait that a JavaScript timer can count; it runs at once if asked for more. */
export const MAX_WAIT_MS = 2 ** 31 - 1;

/**
 * Calls `run` after `firstDelayMs`, then again after as many milliseconds as it returned. Resolves
 * when the signal aborts; rejects with what `run` throws.
 */
export function runTimerLoop(
  time: FeedTime,
  signal: AbortSignal,
  firstDelayMs: number,
  run: () => number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    let cancel = () => {};
    const stop = () => {
      cancel();
      resolve();
    };
    const runOnce = () => {
      try {
        const delayMs = run();
        if (!signal.aborted) wait(delayMs);
      } catch (error) {
        signal.removeEventListener("abort", stop);
        reject(error);
      }
    };
    const wait = (delayMs: number) => {
      const nowMs = Math.min(Math.max(delayMs, 0), MAX_WAIT_MS);
      cancel = time.setTimer(nowMs, delayMs > nowMs ? () => wait(delayMs - nowMs) : runOnce);
    };
    signal.addEventListener("abort", stop, { once: true });
    wait(firstDelayMs);
  });
}
