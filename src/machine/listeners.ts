/** A list of listeners, isolated from each other's errors. */

import { toError } from "./errors.ts";

export class Listeners<A extends readonly unknown[]> {
  readonly #listeners = new Set<(...args: A) => void>();
  readonly #onError: (error: Error) => void;

  /** `onError` receives what a listener throws. */
  constructor(onError: (error: Error) => void) {
    this.#onError = onError;
  }

  get isEmpty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Adds a listener unless it is in the list already. Returns a function that removes it. */
  add(listener: (...args: A) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls all listeners, in the order in which they were added. */
  call(...args: A): void {
    for (const listener of this.#listeners) {
      try {
        listener(...args);
      } catch (thrown) {
        this.#onError(toError(thrown));
      }
    }
  }
}
