/** What drives the flights: the interface that all feeds share, and what they need from outside. */

/** Free values that go with a mutation. */
export type FeedArgs = Record<string, unknown>;

/** What a mutation came to; a machine's result fits. */
export interface MutationOutcome {
  readonly result: "executed" | "canceled" | "queued";
  /** Why it was canceled: the state that could not be had, and by what. */
  readonly rejected?: { readonly state?: string; readonly by: string };
}

/**
 * What a feed drives. Each mutation is over when the call returns. A machine fits whatever its
 * state names are: that is what `never` is for, since no type of names is wider than all others.
 * The names that are passed are those of the feed's layout.
 */
export interface FlightsTarget {
  add(states: readonly never[], args?: FeedArgs): MutationOutcome;
  remove(states: readonly never[], args?: FeedArgs): MutationOutcome;
  is(state: never): boolean;
}

/** Where a feed takes its time from. */
export interface FeedTime {
  /** Milliseconds on a clock that never goes back. */
  monotonic(): number;
  /** Calls `run` once, `delayMs` from now at the earliest; returns a function that cancels it. */
  setTimer(delayMs: number, run: () => void): () => void;
}

/** A mutation that a feed has made. */
export interface FeedMutation {
  readonly type: "add" | "remove";
  readonly states: readonly string[];
  readonly args: FeedArgs | undefined;
}

/** Is told what a feed does, for logs and metrics. A hook that throws ends the feed. */
export interface FeedObserver {
  mutated?(mutation: FeedMutation, outcome: MutationOutcome): void;
  /** Something of the feed was left out; `reason` is out of a small fixed set. */
  skipped?(reason: string): void;
  /** The replayed day is over and starts again; `days` have been played so far. */
  dayEnded?(days: number): void;
}

/** What a feed has done since it was started; integers >= 0 that only grow. */
export interface FeedStats {
  readonly executed: number;
  readonly canceled: number;
  /** Mutations whose outcome was not known when the call returned. */
  readonly queued: number;
  /** Canceled mutations by reason, without the flight's name: `GoToGate: relation Require of Outbound …`. */
  readonly canceledBy: Readonly<Record<string, number>>;
  /** What was left out, by reason: movements that found no free slot, random picks that hold Exception. */
  readonly skippedBy: Readonly<Record<string, number>>;
  /** Replay: departures and arrivals that were played to their end. */
  readonly movements: number;
  /** Replay: days that are over. */
  readonly days: number;
}

/** A source of mutations. */
export interface Feed {
  readonly name: string;
  readonly stats: FeedStats;
  /**
   * Drives the target until `signal` aborts, then resolves. Rejects with what the target or the
   * observer threw, such as an unknown state. To be called once.
   */
  start(signal: AbortSignal): Promise<void>;
}
