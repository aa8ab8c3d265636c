/** Makes a feed's mutations and counts their results. */

import type {
  FeedArgs,
  FeedMutation,
  FeedStats,
  FeedTracer,
  FlightsTarget,
  MutationOutcome,
} from "./feed.ts";
import type { FlightsLayout } from "./layout.ts";

/** Highest number of distinct reasons to count; without it, texts of handlers could grow the map without limit. */
const MAX_REASONS = 200;
const OTHER_REASONS = "other reasons";

/** A target that accepts the layout's names; the caller of the feed is responsible for that. */
interface NamedTarget {
  add(states: readonly string[], args?: FeedArgs): MutationOutcome;
  remove(states: readonly string[], args?: FeedArgs): MutationOutcome;
  is(state: string): boolean;
}

/** Passes one feed's mutations to the target, and keeps its statistics. */
export class FeedLog {
  readonly #target: NamedTarget;
  readonly #tracer: FeedTracer;
  /** State name to the name without its flight: Flight7Gate1 to Gate1. */
  readonly #shortNames: ReadonlyMap<string, string>;
  readonly #canceledBy = new Map<string, number>();
  readonly #skippedBy = new Map<string, number>();
  #executed = 0;
  #canceled = 0;
  #queued = 0;
  #movements = 0;
  #days = 0;

  constructor(target: FlightsTarget, layout: FlightsLayout, tracer: FeedTracer = {}) {
    this.#target = target as NamedTarget;
    this.#tracer = tracer;
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
    this.#tracer.skipped?.(reason);
  }

  endMovement(): void {
    this.#movements++;
  }

  endDay(): void {
    this.#days++;
    this.#tracer.dayEnded?.(this.#days);
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
    this.#tracer.mutated?.(mutation, outcome);
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
