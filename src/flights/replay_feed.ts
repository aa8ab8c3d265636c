/** The replay feed: a real day at one airport, at a chosen speed, again and again. */

import { FeedLog } from "./_feed_log.ts";
import { runTimerLoop } from "./_timer_loop.ts";
import type { Feed, FeedObserver, FeedStats, FeedTime, FlightsTarget } from "./feed.ts";
import type { FlightsLayout } from "./layout.ts";
import { parseReplayCsv } from "./replay_csv.ts";
import { playDays, type ReplayStep } from "./replay_steps.ts";

/**
 * Simulated seconds per second. A day takes 48 minutes, and with ten flights there are about four
 * mutations a second: quick enough that a board is never still, slow enough to follow a row.
 */
export const DEFAULT_SPEED = 30;

/** The one reason for which the replay leaves a movement out. */
export const SKIPPED_NO_SLOT = "no free slot";

/** Minute of the day with which each day begins: in the first wave, so that boards fill within seconds. */
const DAY_STARTS_AT_MINUTE = 6 * 60 + 15;
/** The feed starts this long before the first movement: the free slots then all take one at once. */
const FIRST_LEAD_MINUTES = 8;

/** A process that slept goes on from where it was, instead of making up for more than this. */
const MAX_BEHIND_MS = 1_000;
/** Steps in one go; others in the process get their turn after them. */
const MAX_STEPS_AT_ONCE = 200;

const MS_PER_MINUTE = 60_000;

export interface ReplayFeedOptions {
  readonly target: FlightsTarget;
  readonly layout: FlightsLayout;
  readonly time: FeedTime;
  /** Simulated seconds per second, above 0; {@linkcode DEFAULT_SPEED}. */
  readonly speed?: number | undefined;
  /** Simulated minutes before the first movement at which the feed starts; {@linkcode FIRST_LEAD_MINUTES}. */
  readonly firstLeadMinutes?: number | undefined;
  /** Gives the day as CSV; by default the one in `gen/`, loaded only when the feed starts. */
  readonly loadCsv?: (() => Promise<string>) | undefined;
  readonly observer?: FeedObserver | undefined;
}

/** Adds Start and Ready, then plays {@linkcode playDays} on the time source. `start` rejects with a SyntaxError for a bad CSV. */
export class ReplayFeed implements Feed {
  readonly name = "replay";
  readonly #options: ReplayFeedOptions;
  readonly #log: FeedLog;

  /** Throws RangeError for a speed that is not above 0. */
  constructor(options: ReplayFeedOptions) {
    const { speed = DEFAULT_SPEED } = options;
    if (!(speed > 0 && Number.isFinite(speed))) {
      throw new RangeError(`Cannot replay at speed ${speed}: it is not a number above 0`);
    }
    this.#options = options;
    this.#log = new FeedLog(options.target, options.layout, options.observer);
  }

  get stats(): FeedStats {
    return this.#log.stats;
  }

  async start(signal: AbortSignal): Promise<void> {
    const {
      layout,
      time,
      speed = DEFAULT_SPEED,
      loadCsv = loadReplayCsv,
      firstLeadMinutes = FIRST_LEAD_MINUTES,
    } = this.#options;
    const steps = playDays(
      parseReplayCsv(await loadCsv()),
      layout,
      DAY_STARTS_AT_MINUTE,
      firstLeadMinutes,
    );
    if (signal.aborted) return;
    this.#log.add(["Start", "Ready"]);
    const msPerMinute = MS_PER_MINUTE / speed;
    let step = steps.next().value;
    /** Monotonic time at which simulated minute 0 was or will be. */
    let originMs = time.monotonic() - step.minute * msPerMinute;
    await runTimerLoop(time, signal, 0, () => {
      const nowMs = time.monotonic();
      originMs = Math.max(originMs, nowMs - MAX_BEHIND_MS - step.minute * msPerMinute);
      for (let i = 0; i < MAX_STEPS_AT_ONCE && !signal.aborted; i++) {
        if (originMs + step.minute * msPerMinute > nowMs) break;
        this.#run(step);
        step = steps.next().value;
      }
      return originMs + step.minute * msPerMinute - nowMs;
    });
  }

  #run(step: ReplayStep): void {
    switch (step.type) {
      case "mutate":
        if (step.mutation === "add") this.#log.add(step.states, step.args);
        else this.#removeActive(step);
        if (step.isLast) this.#log.endMovement();
        break;
      case "skip":
        this.#log.skip(SKIPPED_NO_SLOT);
        break;
      case "end-day":
        this.#log.endDay();
        break;
    }
  }

  /** Removes what is active of the step's states, so that a transition names only what it changes. */
  #removeActive({ states, args }: ReplayStep & { readonly type: "mutate" }): void {
    const active = states.filter((state) => this.#log.is(state));
    if (active.length > 0) this.#log.remove(active, args);
  }
}

async function loadReplayCsv(): Promise<string> {
  const { replayCsv } = await import("../../gen/replay_ord_2001_06_29.ts");
  return replayCsv;
}
