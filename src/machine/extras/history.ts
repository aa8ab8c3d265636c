/** History: records of a machine's transitions, kept in memory and searched by state, mutation and time. */

import { MachineError, unknownState } from "../errors.ts";
import type { Machine, Transition } from "../machine.ts";
import type { MutationArgs, MutationType, Rejection } from "../mutation.ts";

export interface HistoryOptions<N extends string = string> {
  /** Most records kept; the oldest are dropped first. Default 1,000. */
  readonly maxRecords?: number;
  /** The tracked states, whose ticks each record keeps, at 16 bytes each. Default: all states, or only those of `called` and `changed` if given. */
  readonly states?: readonly N[];
  /** Records only mutations that called one of these states, and tracks these states. */
  readonly called?: readonly N[];
  /** Records only transitions that moved one of these states, and tracks these states. */
  readonly changed?: readonly N[];
  /** Leaves out mutations that called one of these states, such as signs of life. */
  readonly notCalled?: readonly N[];
  /** Leaves out transitions that moved one of these states. */
  readonly notChanged?: readonly N[];
  /** Records canceled transitions as well. Default false. */
  readonly hasCanceled?: boolean;
  /** Keeps the args of mutations, and thereby all objects they refer to. Default false. */
  readonly hasArgs?: boolean;
  /** Wall time in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** One transition. */
export interface HistoryRecord<N extends string = string> {
  readonly transitionId: string;
  readonly type: MutationType;
  /** The called states. */
  readonly called: readonly N[];
  readonly isAuto: boolean;
  /** States that activated or were called again, and states that deactivated, in handler order. Empty if canceled. */
  readonly entered: readonly N[];
  readonly exited: readonly N[];
  /** Only with `hasArgs`. */
  readonly args: MutationArgs | undefined;
  /** Why it was canceled; undefined if it was not. */
  readonly rejected: Rejection<N> | undefined;
  /** Wall time at its end, in milliseconds since 1970. */
  readonly at: number;
  /** The queue tick on which it ran, and the machine tick. */
  readonly queueTick: number;
  readonly machineTick: number;
  /** Sum of all ticks after it, its own share, and the growth since the previous record (0 for the first). */
  readonly timeSum: number;
  readonly timeSumDiff: number;
  readonly sincePrevious: number;
  /** The sum and its own share, for the tracked states only. */
  readonly trackedSum: number;
  readonly trackedSumDiff: number;
  /** Ticks of the tracked states after it, and their growth, in the order of {@linkcode History.states}. */
  readonly ticks: Float64Array;
  readonly ticksDiff: Float64Array;
}

/** A window that includes both ends. */
export interface HistoryWindow {
  readonly from?: number;
  readonly to?: number;
}

/** The conditions on a record; all must hold. */
export interface HistoryQuery<N extends string = string> {
  /** After the transition all states of `active` and none of `inactive` are active. */
  readonly active?: readonly N[];
  readonly inactive?: readonly N[];
  /** All states of `activated` activated or were called again; all states of `deactivated` deactivated. */
  readonly activated?: readonly N[];
  readonly deactivated?: readonly N[];
  /** All of these states were called. */
  readonly called?: readonly N[];
  readonly type?: MutationType;
  readonly at?: HistoryWindow;
  readonly timeSum?: HistoryWindow;
  readonly trackedSum?: HistoryWindow;
  readonly machineTick?: HistoryWindow;
  /** Most records to return. Default: no limit. */
  readonly limit?: number;
}

/**
 * Records a machine's transitions from now on, except checks. Throws {@linkcode MachineError} for
 * unknown states or if no state is tracked, and `RangeError` for `maxRecords` below 1.
 */
export function recordHistory<N extends string, A>(
  machine: Machine<N, A>,
  options: HistoryOptions<N> = {},
): History<N> {
  return new History(machine as unknown as Machine<N>, options);
}

export class History<N extends string = string> implements Disposable {
  /** The tracked states. */
  readonly states: readonly N[];
  readonly #machine: Machine<N>;
  readonly #options: HistoryOptions<N>;
  readonly #maxRecords: number;
  readonly #now: () => number;
  readonly #placeByName: ReadonlyMap<string, number>;
  /** For each of the machine's states, by index: its place among the tracked ones, or -1. */
  #places: Int32Array;
  /** Ticks of the tracked states after the last transition or import. */
  readonly #ticks: Float64Array;
  /** A ring once it is full: the oldest record is at {@linkcode #start}. */
  readonly #records: HistoryRecord<N>[] = [];
  #start = 0;
  readonly #stop: () => void;

  constructor(machine: Machine<N>, options: HistoryOptions<N>) {
    const { maxRecords = 1_000, called, changed, now = Date.now } = options;
    if (!Number.isInteger(maxRecords) || maxRecords < 1) {
      throw new RangeError(
        `Cannot record history: maxRecords is ${maxRecords}, not an integer >= 1`,
      );
    }
    const listed = called !== undefined || changed !== undefined;
    const states = options.states ?? (listed ? [] : machine.names);
    this.states = [...new Set([...states, ...(called ?? []), ...(changed ?? [])])];
    if (this.states.length === 0) {
      throw new MachineError("invalid_argument", "Cannot record history: no state is tracked");
    }
    const { notCalled = [], notChanged = [] } = options;
    for (const name of [...this.states, ...notCalled, ...notChanged])
      if (machine.indexOf(name) < 0) throw unknownState(machine, name);
    this.#machine = machine;
    this.#options = options;
    this.#maxRecords = maxRecords;
    this.#now = now;
    this.#placeByName = new Map(this.states.map((name, place) => [name, place]));
    this.#ticks = Float64Array.from(this.states, (name) => machine.tick(name));
    this.#places = this.#toPlaces();
    const stopTracing = machine.trace({
      transitionEnd: (transition) => this.#record(transition as unknown as Transition<N>),
      schemaChanged: () => {
        this.#places = this.#toPlaces();
      },
    });
    // Finds new ticks only after an import: a transition has recorded its own before.
    const stopListening = machine.onClockChange((indexes) => this.#update(indexes));
    this.#stop = () => {
      stopTracing();
      stopListening();
    };
  }

  /** Number of records. */
  get size(): number {
    return this.#records.length;
  }

  /** The newest record. */
  get latest(): HistoryRecord<N> | undefined {
    return this.#at(0);
  }

  /** All records, newest first. */
  *[Symbol.iterator](): Generator<HistoryRecord<N>> {
    for (let age = 0; age < this.size; age++) yield this.#at(age)!;
  }

  /** The records that match the query, newest first. Throws {@linkcode MachineError} for an untracked state. */
  find(query: HistoryQuery<N> = {}): HistoryRecord<N>[] {
    const { limit = Number.POSITIVE_INFINITY } = query;
    this.#requireTracked(query);
    const found: HistoryRecord<N>[] = [];
    for (const record of this) {
      if (found.length >= limit) break;
      if (this.#meets(record, query)) found.push(record);
    }
    return found;
  }

  /** The newest record in which the state activated. */
  lastActivation(state: N): HistoryRecord<N> | undefined {
    return this.find({ activated: [state], limit: 1 })[0];
  }

  /** The newest record in which the state deactivated. */
  lastDeactivation(state: N): HistoryRecord<N> | undefined {
    return this.find({ deactivated: [state], limit: 1 })[0];
  }

  /** Whether the state was active at any time from `from` to `to` (wall times, included), as far back as the records go. */
  wasActive(state: N, from: number, to: number): boolean {
    if (this.find({ active: [state], at: { from, to }, limit: 1 }).length > 0) return true;
    // The state at `from` follows from the newest record before it, or from the oldest record.
    const place = this.#placeByName.get(state)!;
    const [before] = this.find({ at: { to: from }, limit: 1 });
    if (before !== undefined) return before.ticks[place]! % 2 === 1;
    const oldest = this.#at(this.size - 1);
    return oldest !== undefined && (oldest.ticks[place]! - oldest.ticksDiff[place]!) % 2 === 1;
  }

  /** Drops all records. */
  clear(): void {
    this.#records.length = 0;
    this.#start = 0;
  }

  /** Stops recording; keeps the records. */
  stop(): void {
    this.#stop();
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #toPlaces(): Int32Array {
    return Int32Array.from(this.#machine.names, (name) => this.#placeByName.get(name) ?? -1);
  }

  /** Updates the ticks that a transition moved. Returns their growth if `isWanted`. */
  #follow(transition: Transition<N>, isWanted: boolean): Float64Array | undefined {
    const diff = isWanted ? new Float64Array(this.states.length) : undefined;
    if (transition.phase === "final") this.#update(transition.changedIndexes, diff);
    return diff;
  }

  #update(indexes: Int32Array | Uint32Array, diff?: Float64Array): void {
    const { ticks } = this.#machine;
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!;
      const place = this.#places[index]!;
      if (place < 0) continue;
      if (diff !== undefined) diff[place] = ticks[index]! - this.#ticks[place]!;
      this.#ticks[place] = ticks[index]!;
    }
  }

  #at(age: number): HistoryRecord<N> | undefined {
    const count = this.#records.length;
    return this.#records[(this.#start + count - 1 - age) % Math.max(1, count)];
  }

  #record(transition: Transition<N>): void {
    const { mutation, isAccepted, rejected } = transition;
    const { hasCanceled = false, hasArgs = false } = this.#options;
    if (mutation.isCheck) return;
    const called = mutation.states;
    const entered = isAccepted ? transition.enters : [];
    const exited = isAccepted ? transition.exits : [];
    const isWanted = (isAccepted || hasCanceled) && this.#isWanted(called, [...entered, ...exited]);
    const ticksDiff = this.#follow(transition, isWanted);
    if (ticksDiff === undefined) return;
    const ticks = this.#ticks.slice();
    const { timeSumBefore, timeSumAfter } = transition;
    this.#push({
      transitionId: transition.id,
      type: mutation.type,
      called,
      isAuto: mutation.isAuto,
      entered,
      exited,
      args: hasArgs ? mutation.args : undefined,
      rejected,
      at: this.#now(),
      queueTick: this.#machine.queueTick,
      machineTick: this.#machine.machineTick,
      timeSum: timeSumAfter,
      timeSumDiff: timeSumAfter - timeSumBefore,
      sincePrevious: timeSumAfter - (this.latest?.timeSum ?? timeSumAfter),
      trackedSum: sum(ticks),
      trackedSumDiff: sum(ticksDiff),
      ticks,
      ticksDiff,
    });
  }

  #isWanted(called: readonly N[], moved: readonly N[]): boolean {
    const { called: mustCall, changed: mustChange, notCalled, notChanged } = this.#options;
    return (
      (mustCall === undefined || overlap(called, mustCall)) &&
      (mustChange === undefined || overlap(moved, mustChange)) &&
      (notCalled === undefined || !overlap(called, notCalled)) &&
      (notChanged === undefined || !overlap(moved, notChanged))
    );
  }

  #push(record: HistoryRecord<N>): void {
    if (this.#records.length < this.#maxRecords) {
      this.#records.push(record);
      return;
    }
    this.#records[this.#start] = record;
    this.#start = (this.#start + 1) % this.#maxRecords;
  }

  #requireTracked({ active, inactive, activated, deactivated }: HistoryQuery<N>): void {
    const asked = [active, inactive, activated, deactivated].flatMap((states) => states ?? []);
    const untracked = asked.filter((state) => !this.#placeByName.has(state));
    if (untracked.length === 0) return;
    throw new MachineError(
      "invalid_argument",
      `Cannot search the history of "${this.#machine.id}": states "${untracked.join('", "')}" are not tracked`,
      { states: untracked },
    );
  }

  #meets(record: HistoryRecord<N>, query: HistoryQuery<N>): boolean {
    const isActive = (state: N) => record.ticks[this.#placeByName.get(state)!]! % 2 === 1;
    return (
      (query.type === undefined || query.type === record.type) &&
      (query.active?.every(isActive) ?? true) &&
      !(query.inactive?.some(isActive) ?? false) &&
      (query.activated?.every((state) => record.entered.includes(state)) ?? true) &&
      (query.deactivated?.every((state) => record.exited.includes(state)) ?? true) &&
      (query.called?.every((state) => record.called.includes(state)) ?? true) &&
      isWithin(record.at, query.at) &&
      isWithin(record.timeSum, query.timeSum) &&
      isWithin(record.trackedSum, query.trackedSum) &&
      isWithin(record.machineTick, query.machineTick)
    );
  }
}

function isWithin(value: number, window: HistoryWindow | undefined): boolean {
  return (
    window === undefined ||
    (value >= (window.from ?? Number.NEGATIVE_INFINITY) &&
      value <= (window.to ?? Number.POSITIVE_INFINITY))
  );
}

function overlap(a: readonly string[], b: readonly string[]): boolean {
  return a.some((item) => b.includes(item));
}

function sum(numbers: Float64Array): number {
  let total = 0;
  for (let i = 0; i < numbers.length; i++) total += numbers[i]!;
  return total;
}
