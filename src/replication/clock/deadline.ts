/** Limits on how long work may take. */

import type { TimeSource } from "./time_source.ts";

export interface DeadlineOptions {
  readonly time: TimeSource;
  /** Longest that the work may take, in milliseconds. */
  readonly timeoutMs: number;
  /** Makes the error of a deadline that has passed. */
  readonly toError: () => Error;
  /** Ends the work as well, with its own reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `work` and gives it a signal that aborts at the deadline. Rejects as soon as that signal aborts,
 * with the deadline's error or the reason of `options.signal`, even if the work ignores it.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { time, timeoutMs, toError, signal }: DeadlineOptions,
): Promise<T> {
  signal?.throwIfAborted();
  const abort = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (reason: unknown) => {
    // First, so that it wins over what the work makes of the abort.
    ended.reject(reason);
    abort.abort(reason);
  };
  // Not AbortSignal.any(): its weak references cost a full garbage collection at some hundred calls a second.
  const onAbort = () => end(signal!.reason);
  const cancelTimer = time.setTimer(timeoutMs, () => end(toError()));
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work(abort.signal), ended.promise]);
  } finally {
    cancelTimer();
    signal?.removeEventListener("abort", onAbort);
  }
}
