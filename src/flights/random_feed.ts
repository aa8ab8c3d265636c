/** The random feed: adds three random states at a time, like the example of the original. */

import { FeedLog } from "./_feed_log.ts";
import { runTimerLoop } from "./_timer_loop.ts";
import type { Feed, FeedSetup, FeedStats } from "./feed.ts";

/** Milliseconds between two random mutations. */
export const DEFAULT_INTERVAL_MS = 1_000;

/** The only reason for which the random feed leaves out a step. */
export const SKIPPED_EXCEPTION = "Exception was picked";

/** Longest backlog that is made up for; after a longer sleep of the process, the rest is dropped. */
const MAX_BEHIND_MS = 1_000;

export interface RandomFeedOptions extends FeedSetup {
  /** Returns numbers >= 0 and < 1; the same sequence makes the same traffic. */
  readonly random: () => number;
  readonly intervalMs?: number | undefined;
}

/**
 * Adds Ready first, which is canceled while Start is inactive, then three random states per interval.
 * A step that picked Exception is left out; Exception is removed if it becomes active.
 */
export class RandomFeed implements Feed {
  readonly name = "random";
  readonly #options: RandomFeedOptions;
  readonly #log: FeedLog;

  constructor(options: RandomFeedOptions) {
    this.#options = options;
    this.#log = new FeedLog(options.target, options.layout, options.tracer);
  }

  get stats(): FeedStats {
    return this.#log.stats;
  }

  async start(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { time, intervalMs = DEFAULT_INTERVAL_MS } = this.#options;
    this.#log.add(["Ready"]);
    let dueMs = time.monotonic() + intervalMs;
    await runTimerLoop(time, signal, intervalMs, () => {
      this.#mutate();
      const nowMs = time.monotonic();
      dueMs = Math.max(dueMs + intervalMs, nowMs - MAX_BEHIND_MS);
      return dueMs - nowMs;
    });
  }

  #mutate(): void {
    const { layout, random } = this.#options;
    const pick = () => layout.stateNames[Math.floor(random() * layout.stateNames.length)]!;
    const states = [pick(), pick(), pick()];
    if (states.includes("Exception")) {
      this.#log.skip(SKIPPED_EXCEPTION);
      return;
    }
    this.#log.add(states);
    if (this.#log.is("Exception")) this.#log.remove(["Exception"]);
  }
}
