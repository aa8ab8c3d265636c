/** Calls a function repeatedly on an injected time source, until a signal aborts. */

import type { FeedTime } from "./feed.ts";

/** Longest delay of a JavaScript timer; with a longer one it fires immediately. */
export const MAX_WAIT_MS = 2 ** 31 - 1;

/**
 * Calls `run` after `firstDelayMs`, and then after each delay in milliseconds that it returns. Resolves
 * when the signal aborts; rejects if `run` throws.
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
