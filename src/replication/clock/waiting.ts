/** Waits that end early. */

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
