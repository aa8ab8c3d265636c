/** Makes a feed's mutations and counts what came of them. */

import type {
  FeedArgs,
  FeedMutation,
  FeedObserver,
  FeedStats,
  FlightsTarget,
  MutationOutcome,
} from "./feed.ts";
import type { FlightsLayout } from "./layout.ts";

/** Reasons are counted one by one up to this many kinds; a handler's own texts could be without end. */
const MAX_REASONS = 200;
const OTHER_REASONS = "other reasons";

/** A target that takes the layout's names, as the caller of a feed vouches for. */
interface NamedTarget {
  add(states: readonly string[], args?: FeedArgs): MutationOutcome;
  remove(states: readonly string[], args?: FeedArgs): MutationOutcome;
  is(state: string): boolean;
}

/** One feed's only way to the target, and its statistics. */
export class FeedLog {
  readonly #target: NamedTarget;
  readonly #observer: FeedObserver;
  /** State name without its flight, such as Gate1 for Flight7Gate1. */
  readonly #shortNames: ReadonlyMap<string, string>;
  readonly #canceledBy = new Map<string, number>();
  readonly #skippedBy = new Map<string, number>();
  #executed = 0;
  #canceled = 0;
  #queued = 0;
  #movements = 0;
  #days = 0;

  constructor(target: FlightsTarget, layout: FlightsLayout, observer: FeedObserver = {}) {
    this.#target = target as NamedTarget;
    this.#observer = observer;
    this.#shortNames = new Map(
      layout.flights.flatMap((flight) =>
        [
          ...flight.status,
          ...flight.direction,
          flight.goToGate,
          flight.gateUnknown,
          ...flight.gates,
        ].map((state): [string, string] => [state, state.slice(flight.name.length)]),
      ),
    );
  }

  add(states: readonly string[], args?: FeedArgs): void {
    this.#count({ type: "add", states, args }, this.#target.add(states, args));
  }

  remove(states: readonly string[], args?: FeedArgs): void {
    this.#count({ type: "remove", states, args }, this.#target.remove(states, args));
  }

  is(state: string): boolean {
    return this.#target.is(state);
  }

  skip(reason: string): void {
    increase(this.#skippedBy, reason);
    this.#observer.skipped?.(reason);
  }

  endMovement(): void {
    this.#movements++;
  }

  endDay(): void {
    this.#days++;
    this.#observer.dayEnded?.(this.#days);
  }

  get stats(): FeedStats {
    return {
      executed: this.#executed,
      canceled: this.#canceled,
      queued: this.#queued,
      canceledBy: Object.fromEntries(this.#canceledBy),
      skippedBy: Object.fromEntries(this.#skippedBy),
      movements: this.#movements,
      days: this.#days,
    };
  }

  #count(mutation: FeedMutation, outcome: MutationOutcome): void {
    if (outcome.result === "executed") this.#executed++;
    else if (outcome.result === "queued") this.#queued++;
    else {
      this.#canceled++;
      increase(this.#canceledBy, this.#reasonOf(outcome));
    }
    this.#observer.mutated?.(mutation, outcome);
  }

  #reasonOf({ rejected }: MutationOutcome): string {
    if (rejected === undefined) return "no reason given";
    const text = rejected.state === undefined ? rejected.by : `${rejected.state}: ${rejected.by}`;
    return text.replace(/\w+/g, (word) => this.#shortNames.get(word) ?? word);
  }
}

function increase(counts: Map<string, number>, reason: string): void {
  const key = counts.has(reason) || counts.size < MAX_REASONS ? reason : OTHER_REASONS;
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
