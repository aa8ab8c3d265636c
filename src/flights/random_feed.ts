/** The random feed: three random states at a time, as the original's example makes them. */

import { FeedLog } from "./_feed_log.ts";
import { runTimerLoop } from "./_timer_loop.ts";
import type { Feed, FeedObserver, FeedStats, FeedTime, FlightsTarget } from "./feed.ts";
import type { FlightsLayout } from "./layout.ts";

/** Milliseconds between two random mutations. */
export const DEFAULT_INTERVAL_MS = 1_000;

/** The one reason for which the random feed leaves a step out. */
export const SKIPPED_EXCEPTION = "Exception was picked";

/** A process that slept goes on from now if it is this far behind, instead of making up for it. */
const MAX_BEHIND_MS = 1_000;

export interface RandomFeedOptions {
  readonly target: FlightsTarget;
  readonly layout: FlightsLayout;
  readonly time: FeedTime;
  /** Numbers >= 0 and < 1; the same ones make the same traffic. */
  readonly random: () => number;
  readonly intervalMs?: number | undefined;
  readonly observer?: FeedObserver | undefined;
}

/**
 * Adds Ready first, which is canceled as long as Start is inactive, then three random states each
 * interval: a step that picked Exception is left out, and Exception is removed should it be active.
 */
export class RandomFeed implements Feed {
  readonly name = "random";
  readonly #options: RandomFeedOptions;
  readonly #log: FeedLog;

  constructor(options: RandomFeedOptions) {
    this.#options = options;
    this.#log = new FeedLog(options.target, options.layout, options.observer);
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
