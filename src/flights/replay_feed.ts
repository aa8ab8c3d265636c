/** The replay feed: plays a real day at one airport, at a chosen speed, over and over. */

import { FeedLog } from "./_feed_log.ts";
import { runTimerLoop } from "./_timer_loop.ts";
import type { Feed, FeedSetup, FeedStats } from "./feed.ts";
import { parseReplayCsv } from "./replay_csv.ts";
import { playDays, type ReplayStep } from "./replay_steps.ts";

/**
 * Simulated seconds per second. A day takes 48 minutes, and ten flights make about four mutations
 * a second: a board is never still, and a reader can still follow a row.
 */
export const DEFAULT_SPEED = 30;

/** The only reason for which the replay leaves out a movement. */
export const SKIPPED_NO_SLOT = "no free slot";

/** Minute at which each replayed day begins: during the first wave, so boards fill within seconds. */
const DAY_STARTS_AT_MINUTE = 6 * 60 + 15;
/** The feed starts this long before the first movement, so all free slots take one immediately. */
const FIRST_LEAD_MINUTES = 8;

/** Longest backlog that is made up for; after a longer sleep of the process, the rest of the gap is ignored. */
const MAX_BEHIND_MS = 1_000;
/** Most steps in one turn, so other work in the process can run in between. */
const MAX_STEPS_AT_ONCE = 200;

const MS_PER_MINUTE = 60_000;

export interface ReplayFeedOptions extends FeedSetup {
  /** Simulated seconds per second, above 0; default {@linkcode DEFAULT_SPEED}. */
  readonly speed?: number | undefined;
  /** The feed starts this many simulated minutes before the first movement; default {@linkcode FIRST_LEAD_MINUTES}. */
  readonly firstLeadMinutes?: number | undefined;
  /** Returns the day as CSV. Default: the day in `gen/`, loaded when the feed starts. */
  readonly loadCsv?: (() => Promise<string>) | undefined;
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
    this.#log = new FeedLog(options.target, options.layout, options.tracer);
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
    /** Monotonic time of simulated minute 0, past or future. */
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

  /** Removes only the active states, so that the transition names just what it changes. */
  #removeActive({ states, args }: ReplayStep & { readonly type: "mutate" }): void {
    const active = states.filter((state) => this.#log.is(state));
    if (active.length > 0) this.#log.remove(active, args);
  }
}

async function loadReplayCsv(): Promise<string> {
  const { replayCsv } = await import("../../gen/replay_ord_2001_06_29.ts");
  return replayCsv;
}
