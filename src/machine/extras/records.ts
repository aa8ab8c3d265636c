/** Records of how states moved, kept in a ring and searched: what all histories share. */

import type { ClockView } from "../clock_view.ts";
import { MachineError, unknownState } from "../errors.ts";

/** How the states moved at one moment. */
export interface StateRecord<N extends string = string> {
  /** States that activated or were called again, and states that deactivated. Empty if canceled. */
  readonly entered: readonly N[];
  readonly exited: readonly N[];
  /** Wall time at its end, in milliseconds since 1970. */
  readonly at: number;
  /** Sum of all ticks after it, its own share, and the growth since the previous record (0 for the first). */
  readonly timeSum: number;
  readonly timeSumDiff: number;
  readonly sincePrevious: number;
  /** The sum and its own share, for the tracked states only. */
  readonly trackedSum: number;
  readonly trackedSumDiff: number;
  /** Ticks of the tracked states after it, and their growth, in the order of the history's `states`. */
  readonly ticks: Float64Array;
  readonly ticksDiff: Float64Array;
}

/** A window that includes both ends. */
export interface HistoryWindow {
  readonly from?: number;
  readonly to?: number;
}

/** The conditions on any record; all must hold. */
export interface RecordQuery<N extends string = string> {
  /** After it all states of `active` and none of `inactive` are active. */
  readonly active?: readonly N[];
  readonly inactive?: readonly N[];
  /** All states of `activated` activated or were called again; all states of `deactivated` deactivated. */
  readonly activated?: readonly N[];
  readonly deactivated?: readonly N[];
  readonly at?: HistoryWindow;
  readonly timeSum?: HistoryWindow;
  readonly trackedSum?: HistoryWindow;
  /** Most records to return. Default: no limit. */
  readonly limit?: number;
}

export abstract class Records<
  N extends string,
  R extends StateRecord<N>,
  Q extends RecordQuery<N> = RecordQuery<N>,
> implements Disposable
{
  /** The tracked states. */
  readonly states: readonly N[];
  readonly #id: string;
  readonly #maxRecords: number;
  readonly #placeByName: ReadonlyMap<string, number>;
  /** A ring once it is full: the oldest record is at {@linkcode #start}. */
  readonly #records: R[] = [];
  #start = 0;

  constructor(view: ClockView<N>, states: readonly N[], maxRecords = 1_000) {
    if (!Number.isInteger(maxRecords) || maxRecords < 1) {
      throw new RangeError(
        `Cannot record history: maxRecords is ${maxRecords}, not an integer >= 1`,
      );
    }
    this.states = [...new Set(states)];
    if (this.states.length === 0) {
      throw new MachineError("invalid_argument", "Cannot record history: no state is tracked");
    }
    for (const name of this.states) if (view.indexOf(name) < 0) throw unknownState(view, name);
    this.#id = view.id;
    this.#maxRecords = maxRecords;
    this.#placeByName = new Map(this.states.map((name, place) => [name, place]));
  }

  /** Stops recording; keeps the records. */
  abstract stop(): void;

  [Symbol.dispose](): void {
    this.stop();
  }

  /** Number of records. */
  get size(): number {
    return this.#records.length;
  }

  /** The newest record. */
  get latest(): R | undefined {
    return this.#at(0);
  }

  /** All records, newest first. */
  *[Symbol.iterator](): Generator<R> {
    for (let age = 0; age < this.size; age++) yield this.#at(age)!;
  }

  /** The records that match the query, newest first. Throws {@linkcode MachineError} for an untracked state. */
  find(query: Q = {} as Q): R[] {
    const { limit = Number.POSITIVE_INFINITY } = query;
    this.#requireTracked(query);
    const found: R[] = [];
    for (const record of this) {
      if (found.length >= limit) break;
      if (this.meets(record, query)) found.push(record);
    }
    return found;
  }

  /** The newest record in which the state activated. */
  lastActivation(state: N): R | undefined {
    return this.find({ activated: [state], limit: 1 } as RecordQuery<N> as Q)[0];
  }

  /** The newest record in which the state deactivated. */
  lastDeactivation(state: N): R | undefined {
    return this.find({ deactivated: [state], limit: 1 } as RecordQuery<N> as Q)[0];
  }

  /** Whether the state was active at any time from `from` to `to` (wall times, included), as far back as the records go. */
  wasActive(state: N, from: number, to: number): boolean {
    if (
      this.find({ active: [state], at: { from, to }, limit: 1 } as RecordQuery<N> as Q).length > 0
    )
      return true;
    // The state at `from` follows from the newest record before it, or from the oldest record.
    const place = this.placeOf(state);
    const [before] = this.find({ at: { to: from }, limit: 1 } as RecordQuery<N> as Q);
    if (before !== undefined) return before.ticks[place]! % 2 === 1;
    const oldest = this.#at(this.size - 1);
    return oldest !== undefined && (oldest.ticks[place]! - oldest.ticksDiff[place]!) % 2 === 1;
  }

  /** Drops all records. */
  clear(): void {
    this.#records.length = 0;
    this.#start = 0;
  }

  /** The place of a state among the tracked ones, or -1. */
  protected placeOf(name: string): number {
    return this.#placeByName.get(name) ?? -1;
  }

  protected push(record: R): void {
    if (this.#records.length < this.#maxRecords) {
      this.#records.push(record);
      return;
    }
    this.#records[this.#start] = record;
    this.#start = (this.#start + 1) % this.#maxRecords;
  }

  /** Whether the record matches; its states are tracked. */
  protected meets(record: R, query: Q): boolean {
    const isActive = (state: N) => record.ticks[this.placeOf(state)]! % 2 === 1;
    return (
      (query.active?.every(isActive) ?? true) &&
      !(query.inactive?.some(isActive) ?? false) &&
      (query.activated?.every((state) => record.entered.includes(state)) ?? true) &&
      (query.deactivated?.every((state) => record.exited.includes(state)) ?? true) &&
      isWithin(record.at, query.at) &&
      isWithin(record.timeSum, query.timeSum) &&
      isWithin(record.trackedSum, query.trackedSum)
    );
  }

  #at(age: number): R | undefined {
    const count = this.#records.length;
    return this.#records[(this.#start + count - 1 - age) % Math.max(1, count)];
  }

  #requireTracked({ active, inactive, activated, deactivated }: Q): void {
    const asked = [active, inactive, activated, deactivated].flatMap((states) => states ?? []);
    const untracked = asked.filter((state) => !this.#placeByName.has(state));
    if (untracked.length === 0) return;
    throw new MachineError(
      "invalid_argument",
      `Cannot search the history of "${this.#id}": states "${untracked.join('", "')}" are not tracked`,
      { states: untracked },
    );
  }
}

export function isWithin(value: number, window: HistoryWindow | undefined): boolean {
  return (
    window === undefined ||
    (value >= (window.from ?? Number.NEGATIVE_INFINITY) &&
      value <= (window.to ?? Number.POSITIVE_INFINITY))
  );
}

export function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((item) => b.includes(item));
}

export function sum(numbers: Float64Array): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i]!;
  return total;
}
