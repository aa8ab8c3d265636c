/** Feeds by name. */

import type { Feed, FeedSetup, FeedStats } from "./feed.ts";
import { type FlightsLayout, flightsLayout } from "./layout.ts";
import { RandomFeed } from "./random_feed.ts";
import { ReplayFeed } from "./replay_feed.ts";

/** Names of the feeds, the default one first. */
export const FEED_NAMES = ["replay", "random", "none"] as const;
export type FeedName = (typeof FEED_NAMES)[number];

export interface FeedOptions extends Omit<FeedSetup, "layout"> {
  /** The target's flights; those of `gen/flight_states.ts` by default. */
  readonly layout?: FlightsLayout;
  /** Random: returns numbers >= 0 and < 1; `Math.random` by default. */
  readonly random?: () => number;
  /** Random: milliseconds between two mutations, 1000 by default. */
  readonly mutationIntervalMs?: number | undefined;
  /** Replay: simulated seconds per second, 30 by default. */
  readonly speed?: number | undefined;
}

/** Makes a feed, which does nothing until its start. Throws RangeError for an unknown name or an unusable option. */
export function createFeed(name: string, options: FeedOptions): Feed {
  const { target, time, layout = flightsLayout, tracer } = options;
  const setup = { target, layout, time, tracer };
  switch (name) {
    case "replay":
      return new ReplayFeed({ ...setup, speed: options.speed });
    case "random":
      return new RandomFeed({
        ...setup,
        random: options.random ?? Math.random,
        intervalMs: options.mutationIntervalMs,
      });
    case "none":
      return new NoFeed();
    default:
      throw new RangeError(
        `Cannot create feed ${JSON.stringify(name)}: the feeds are ${FEED_NAMES.join(", ")}`,
      );
  }
}

/** Drives nothing: only mutations from outside change the root. */
class NoFeed implements Feed {
  readonly name = "none";
  readonly stats: FeedStats = {
    executed: 0,
    canceled: 0,
    queued: 0,
    canceledBy: {},
    skippedBy: {},
    movements: 0,
    days: 0,
  };

  start(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
