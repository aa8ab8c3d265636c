/** Waits that end early, and limits on how long work may take. */

import type { TimeSource } from "./time_source.ts";

/** Resolves after `delayMs`, or at once when `signal` aborts. */
export function sleep(time: TimeSource, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = time.setTimer(delayMs, end);
    signal.addEventListener("abort", end, { once: true });
  });
}

/** Delays callers while it is closed. */
export class Gate {
  readonly #time: TimeSource;
  #opened = Promise.withResolvers<void>();
  #isOpen = false;

  constructor(time: TimeSource) {
    this.#time = time;
  }

  set(isOpen: boolean): void {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    if (isOpen) this.#opened.resolve();
    else this.#opened = Promise.withResolvers();
  }

  /** Resolves to whether the gate opened within `waitMs`. Rejects with the reason of `signal` if that aborts first. */
  async pass(waitMs: number, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    if (this.#isOpen) return true;
    const done = new AbortController();
    const waited = sleep(this.#time, waitMs, AbortSignal.any([signal, done.signal]));
    const isOpen = await Promise.race([this.#opened.promise.then(() => true), waited]);
    done.abort();
    signal.throwIfAborted();
    return isOpen === true;
  }
}

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
