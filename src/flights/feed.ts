/** The interface of feeds, which drive the flights, and what a feed depends on. */

import type { FlightsLayout } from "./layout.ts";

/** Arguments of a mutation: any values. */
export type FeedArgs = Record<string, unknown>;

/** Result of a mutation; a machine's result is compatible. */
export interface MutationOutcome {
  readonly result: "executed" | "canceled" | "queued";
  /** Why it was canceled: the state that was refused, and what refused it. */
  readonly rejected?: { readonly state?: string; readonly by: string };
}

/**
 * What a feed drives. Each mutation has run when the call returns. `never` makes machines of any state
 * names compatible; a feed passes the names of its layout.
 */
export interface FlightsTarget {
  add(states: readonly never[], args?: FeedArgs): MutationOutcome;
  remove(states: readonly never[], args?: FeedArgs): MutationOutcome;
  is(state: never): boolean;
}

/** Time source of a feed. */
export interface FeedTime {
  /** Milliseconds on a clock that never goes backwards. */
  monotonic(): number;
  /** Calls `run` once, after at least `delayMs`. Returns a function that cancels the call. */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** A mutation that a feed has made. */
export interface FeedMutation {
  readonly type: "add" | "remove";
  readonly states: readonly string[];
  readonly args: FeedArgs | undefined;
}

/** Receives what a feed does, for logs and metrics. A hook that throws ends the feed. */
export interface FeedTracer {
  mutated?(mutation: FeedMutation, outcome: MutationOutcome): void;
  /** The feed left out a step; `reason` is from a small fixed set. */
  skipped?(reason: string): void;
  /** The replayed day has ended and starts again; `days` have been played so far. */
  dayEnded?(days: number): void;
}

/** What a feed has done since its start; integers >= 0 that only grow. */
export interface FeedStats {
  readonly executed: number;
  readonly canceled: number;
  /** Mutations that were still queued when the call returned. */
  readonly queued: number;
  /** Canceled mutations by reason, without the flight's name: `GoToGate: relation Require of Outbound …`. */
  readonly canceledBy: Readonly<Record<string, number>>;
  /** Steps left out, by reason: movements without a free slot, random picks that include Exception. */
  readonly skippedBy: Readonly<Record<string, number>>;
  /** Replay: departures and arrivals that were played to the end. */
  readonly movements: number;
  /** Replay: days that have ended. */
  readonly days: number;
}

/** What every feed is made from. */
export interface FeedSetup {
  readonly target: FlightsTarget;
  readonly layout: FlightsLayout;
  readonly time: FeedTime;
  readonly tracer?: FeedTracer | undefined;
}

/** Mutates its target over time. */
export interface Feed {
  readonly name: string;
  readonly stats: FeedStats;
  /**
   * Drives the target until `signal` aborts, then resolves. Rejects with an error of the target or the
   * tracer, such as an unknown state. To be called once.
   */
  start(signal: AbortSignal): Promise<void>;
}
