/** Visits many downstreams without delaying other work of the process. */

import type { TimeSource } from "../clock/time_source.ts";

/**
 * How many downstreams are written to before other work has its turn. It takes well under a millisecond, and
 * a mutation that arrives meanwhile waits no longer than that.
 */
const SLICE = 32;

export class FanOut<T> {
  readonly #time: TimeSource;
  readonly #visit: (item: T) => boolean;
  readonly #onDone: () => void;
  #rest: Iterator<T> | undefined = undefined;
  #cancel: () => void = () => {};

  /** `visit` returns whether it wrote to the item; `onDone` is called after each round. */
  constructor(time: TimeSource, visit: (item: T) => boolean, onDone: () => void = () => {}) {
    this.#time = time;
    this.#visit = visit;
    this.#onDone = onDone;
  }

  /** Whether a round is running. */
  get isRunning(): boolean {
    return this.#rest !== undefined;
  }

  /** Starts a round; an item that leaves the set before its turn is skipped. No round may be running. */
  start(items: ReadonlySet<T>): void {
    this.#rest = items.values();
    this.#slice();
  }

  stop(): void {
    this.#cancel();
    this.#rest = undefined;
  }

  #slice(): void {
    for (let writes = 0; writes < SLICE && this.#rest !== undefined; ) {
      const { done, value } = this.#rest.next();
      if (done) {
        this.#rest = undefined;
        this.#onDone();
        return;
      }
      if (this.#visit(value)) writes++;
    }
    this.#cancel = this.#time.defer(() => this.#slice());
  }
}
