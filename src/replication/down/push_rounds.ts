/** Rounds of pushes to all downstreams: when one begins, and how it lets other work run in between. */

import type { TimeSource } from "../clock/time_source.ts";

/**
 * Least time between two rounds, in milliseconds, even if the push interval is 0. A source that changes
 * thousands of times a second would push more than its downstreams can read, and they would see changes later.
 */
const MIN_INTERVAL_MS = 0.25;

/**
 * A round that took this many milliseconds is followed by a rest of this share of its time. With that many
 * downstreams, rounds without a rest would occupy a processor, and mutations would wait for it.
 */
const LONG_ROUND_MS = 4;
const REST_SHARE = 0.5;

export class PushRounds<T> {
  readonly #time: TimeSource;
  readonly #intervalMs: number;
  readonly #items: ReadonlySet<T>;
  readonly #fanOut: FanOut<T>;
  #isRequested = false;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #cancel: () => void = () => {};

  /** Each round visits all `items`, at least `pushIntervalMs` after the one before; `push` returns whether it wrote. */
  constructor(
    time: TimeSource,
    pushIntervalMs: number,
    items: ReadonlySet<T>,
    push: (item: T) => boolean,
  ) {
    this.#time = time;
    this.#intervalMs = Math.max(pushIntervalMs, MIN_INTERVAL_MS);
    this.#items = items;
    this.#fanOut = new FanOut(time, push, () => this.#ended());
  }

  /** Something is there to push: a round begins as soon as it may. */
  request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    if (!this.#fanOut.isRunning) this.#arm();
  }

  /** Ends the round that runs, and begins no other. */
  stop(): void {
    this.#isRequested = true;
    this.#cancel();
    this.#fanOut.stop();
  }

  #arm(): void {
    const dueAtMs = Math.max(this.#startedAtMs + this.#intervalMs, this.#restUntilMs);
    const waitMs = dueAtMs - this.#time.monotonic();
    const start = () => {
      this.#isRequested = false;
      this.#startedAtMs = this.#time.monotonic();
      this.#fanOut.start(this.#items);
    };
    // Never at once: mutations that wait go first, and their changes go into one diff.
    this.#cancel = waitMs > 0 ? this.#time.setTimer(waitMs, start) : this.#time.defer(start);
  }

  #ended(): void {
    const nowMs = this.#time.monotonic();
    const tookMs = nowMs - this.#startedAtMs;
    this.#restUntilMs = tookMs >= LONG_ROUND_MS ? nowMs + tookMs * REST_SHARE : nowMs;
    if (this.#isRequested) this.#arm();
  }
}

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
