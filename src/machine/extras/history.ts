/** History: records of a machine's transitions, kept in memory and searched by state, mutation and time. */

import { unknownState } from "../errors.ts";
import type { Machine, Transition } from "../machine.ts";
import type { MutationArgs, MutationType, Rejection } from "../mutation.ts";
import { ChangeHistory, type ChangeHistoryOptions, type ChangeSource } from "./change_history.ts";
import {
  type HistoryWindow,
  isWithin,
  overlap,
  type RecordQuery,
  Records,
  type StateRecord,
  sum,
} from "./records.ts";

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
export interface HistoryRecord<N extends string = string> extends StateRecord<N> {
  readonly transitionId: string;
  readonly type: MutationType;
  /** The called states. */
  readonly called: readonly N[];
  readonly isAuto: boolean;
  /** Only with `hasArgs`. */
  readonly args: MutationArgs | undefined;
  /** Why it was canceled; undefined if it was not. */
  readonly rejected: Rejection<N> | undefined;
  /** The queue tick on which it ran, and the machine tick. */
  readonly queueTick: number;
  readonly machineTick: number;
}

/** The conditions on a record; all must hold. */
export interface HistoryQuery<N extends string = string> extends RecordQuery<N> {
  /** All of these states were called. */
  readonly called?: readonly N[];
  readonly type?: MutationType;
  readonly machineTick?: HistoryWindow;
}

/**
 * Records a machine's transitions from now on, except checks. Of a remote machine it records the changes of
 * its clock, as only the clock travels. Throws {@linkcode MachineError} for unknown states or if no state
 * is tracked, and `RangeError` for `maxRecords` below 1.
 */
export function recordHistory<N extends string, A>(
  machine: Machine<N, A>,
  options?: HistoryOptions<N>,
): History<N>;
export function recordHistory<N extends string>(
  remote: ChangeSource<N>,
  options?: ChangeHistoryOptions<N>,
): ChangeHistory<N>;
export function recordHistory<N extends string>(
  source: Machine<N, unknown> | ChangeSource<N>,
  options: HistoryOptions<N> & ChangeHistoryOptions<N> = {},
): History<N> | ChangeHistory<N> {
  if ("seq" in source) return new ChangeHistory(source, options);
  return new History(source as unknown as Machine<N>, options);
}

/** The transitions of a machine. */
export class History<N extends string = string> extends Records<
  N,
  HistoryRecord<N>,
  HistoryQuery<N>
> {
  readonly #machine: Machine<N>;
  readonly #options: HistoryOptions<N>;
  readonly #now: () => number;
  /** For each of the machine's states, by index: its place among the tracked ones, or -1. */
  #places: Int32Array;
  /** Ticks of the tracked states after the last transition or import. */
  readonly #ticks: Float64Array;
  readonly #stop: () => void;

  constructor(machine: Machine<N>, options: HistoryOptions<N>) {
    const { called, changed, now = Date.now } = options;
    const listed = called !== undefined || changed !== undefined;
    const states = options.states ?? (listed ? [] : machine.names);
    super(machine, [...states, ...(called ?? []), ...(changed ?? [])], options.maxRecords);
    const { notCalled = [], notChanged = [] } = options;
    for (const name of [...notCalled, ...notChanged])
      if (machine.indexOf(name) < 0) throw unknownState(machine, name);
    this.#machine = machine;
    this.#options = options;
    this.#now = now;
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

  override stop(): void {
    this.#stop();
  }

  #toPlaces(): Int32Array {
    return Int32Array.from(this.#machine.names, (name) => this.placeOf(name));
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
    this.push({
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

  protected override meets(record: HistoryRecord<N>, query: HistoryQuery<N>): boolean {
    return (
      (query.type === undefined || query.type === record.type) &&
      (query.called?.every((state) => record.called.includes(state)) ?? true) &&
      isWithin(record.machineTick, query.machineTick) &&
      super.meets(record, query)
    );
  }
}
