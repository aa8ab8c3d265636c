/** Whether a machine lives, and who is told when it no longer does. */

import { toError } from "./errors.ts";

export class Disposal {
  /** From `disposing` on, mutations are canceled and no state is active. */
  #status: "live" | "disposing" | "disposed" = "live";
  readonly #abort = new AbortController();
  readonly #done = Promise.withResolvers<void>();
  readonly #callbacks: (() => void)[] = [];

  get isLive(): boolean {
    return this.#status === "live";
  }

  /** Aborts at the end of the disposal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Resolves at the end of the disposal. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Calls `callback` at the end of the disposal, in the order of registration. */
  onEnd(callback: () => void): void {
    this.#callbacks.push(callback);
  }

  /** Calls `dispose` when `signal` aborts, at once if it has. */
  startOn(signal: AbortSignal, dispose: () => void): void {
    if (signal.aborted) dispose();
    else signal.addEventListener("abort", dispose, { once: true, signal: this.signal });
  }

  begin(): void {
    this.#status = "disposing";
  }

  /** Calls the callbacks; `onError` is told what one throws, the others are called all the same. */
  end(onError: (error: Error) => void): void {
    for (const callback of this.#callbacks) {
      try {
        callback();
      } catch (thrown) {
        onError(toError(thrown));
      }
    }
    this.#status = "disposed";
    this.#abort.abort();
    this.#done.resolve();
  }
}
