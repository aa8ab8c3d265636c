/** Whether a machine is live, and what runs when it is disposed. */

import { toError } from "../errors.ts";

export class Disposal {
  /** Unless `live`, mutations are canceled and no state is active. */
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

  /** Calls `dispose` when `signal` aborts; at once if it already has. */
  startOn(signal: AbortSignal, dispose: () => void): void {
    if (signal.aborted) dispose();
    else signal.addEventListener("abort", dispose, { once: true, signal: this.signal });
  }

  begin(): void {
    this.#status = "disposing";
  }

  /** Calls every callback; `onError` receives what one throws. */
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
