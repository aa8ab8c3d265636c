/** The read side of a machine, shared with replicas: states, ticks, waits, state signals, text forms. */

import { MachineError } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import { likelyNames } from "./nearest_names.ts";
import { EXCEPTION, type Schema } from "./schema.ts";
import { formatActive, formatAll, inspectStates } from "./text.ts";
import { Waits } from "./waits.ts";

/** One state name or several. */
export type Names<N extends string> = N | readonly N[];

export interface WaitOptions {
  /** Gives up waiting: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export abstract class ClockView<N extends string = string> {
  readonly id: string;
  /** State names in index order. */
  abstract get names(): readonly N[];
  /** The schema as parsed: unknown names are gone from Add, Remove and After. */
  abstract get schema(): Schema<N>;
  /** Ticks in index order: odd is active. The live array: not to be written, nor kept across an await. */
  abstract get ticks(): Float64Array;

  protected readonly waits: Waits;
  readonly #signals = new Map<number, AbortController>();
  readonly #listeners = new Listeners<[Uint32Array]>((error) => this.listenerFailed(error));
  #indexes = new Uint32Array(0);

  constructor(id: string) {
    this.id = id;
    this.waits = new Waits(() => this.ticks);
  }

  /** Index of a state, -1 if unknown. */
  abstract indexOf(name: string): number;

  /** Whether all of `states` are active; an unknown one is not. True for an empty list. */
  is(states: Names<N>): boolean {
    if (typeof states === "string") return this.#isActive(this.indexOf(states));
    for (const name of states) if (!this.#isActive(this.indexOf(name))) return false;
    return true;
  }

  /** Whether none of `states` is active. Throws {@linkcode MachineError} for an unknown one. */
  not(states: Names<N>): boolean {
    return this.toIndexes(states).every((index) => !this.#isActive(index));
  }

  /** Whether, for any of the given groups, all its states are active. */
  any(...groups: readonly Names<N>[]): boolean {
    return groups.some((group) => this.is(group));
  }

  /** Whether all of `states` exist. */
  has(states: Names<N>): boolean {
    return toList(states).every((name) => this.indexOf(name) >= 0);
  }

  /** The first active state of the groups, undefined if there is none. */
  switch(...groups: readonly (readonly N[])[]): N | undefined {
    return groups.flat().find((name) => this.is(name));
  }

  /** The tick of a state, 0 if it is unknown. */
  tick(state: N): number {
    return this.ticks[this.indexOf(state)] ?? 0;
  }

  /** A copy of the ticks, of all states in index order or of the given ones; 0 for an unknown one. */
  time(states?: readonly N[]): number[] {
    return states === undefined ? [...this.ticks] : states.map((name) => this.tick(name));
  }

  /** Ticks by name, of all states or of the given ones. */
  clock(states: readonly N[] = this.names): Record<N, number> {
    return Object.fromEntries(states.map((name) => [name, this.tick(name)])) as Record<N, number>;
  }

  /** Sum of all ticks: grows with every change. */
  get timeSum(): number {
    let sum = 0;
    for (const tick of this.ticks) sum += tick;
    return sum;
  }

  /** Active states in the view's own order, or those of `states` that are active, in that order. */
  activeStates(states: readonly N[] = this.names): N[] {
    return states.filter((name) => this.is(name));
  }

  /** Whether the ticks equal `time`: all in index order, or those of `states`. */
  isTime(time: ArrayLike<number>, states?: readonly N[]): boolean {
    const own = this.time(states);
    return own.length === time.length && own.every((tick, i) => tick === time[i]);
  }

  /** Whether every tick has reached its number in `time`. */
  wasTime(time: ArrayLike<number>, states?: readonly N[]): boolean {
    return this.time(states).every((tick, i) => tick >= (time[i] ?? 0));
  }

  /** Whether the ticks of the given states equal these. */
  isClock(clock: Partial<Record<N, number>>): boolean {
    return entriesOf(clock).every(([name, tick]) => this.tick(name) === tick);
  }

  /** Whether the ticks of the given states have reached these. */
  wasClock(clock: Partial<Record<N, number>>): boolean {
    return entriesOf(clock).every(([name, tick]) => this.tick(name) >= tick);
  }

  /** Whether `Exception` is active. */
  get isErr(): boolean {
    return this.is(EXCEPTION as N);
  }

  /** Resolves when all of `states` are active at the same time; at once if they are. Throws for an unknown state. */
  when(states: Names<N>, options: WaitOptions = {}): Promise<void> {
    return this.waits.active(this.toIndexes(states), options.signal);
  }

  /** Resolves when none of `states` is active; at once if none is. Throws for an unknown state. */
  whenNot(states: Names<N>, options: WaitOptions = {}): Promise<void> {
    return this.waits.inactive(this.toIndexes(states), options.signal);
  }

  /** Resolves when each tick has reached the given number; at once if they have. An unknown state never does. */
  whenTime(clock: Partial<Record<N, number>>, options: WaitOptions = {}): Promise<void> {
    const entries = entriesOf(clock);
    const indexes = entries.map(([name]) => this.indexOf(name));
    return this.waits.reached(
      indexes,
      entries.map(([, tick]) => tick),
      options.signal,
    );
  }

  /** Resolves when the state's tick has grown by `count` from now. */
  whenTicks(state: N, count: number, options: WaitOptions = {}): Promise<void> {
    return this.whenTime(
      { [state]: this.tick(state) + count } as Partial<Record<N, number>>,
      options,
    );
  }

  /** Resolves at the state's next activation, the one under way not counted. */
  whenNextActive(state: N, options: WaitOptions = {}): Promise<void> {
    return this.whenTicks(state, this.is(state) ? 2 : 1, options);
  }

  /** Resolves when `query` is true of the ticks (in index order) after some later change. Rejects with what it throws. */
  whenQuery(query: (ticks: Float64Array) => boolean, options: WaitOptions = {}): Promise<void> {
    return this.waits.query(query, options.signal);
  }

  /** Resolves when `Exception` is active. */
  whenErr(options: WaitOptions = {}): Promise<void> {
    return this.when(EXCEPTION as N, options);
  }

  /**
   * The state's context: a signal that aborts as soon as the state's tick moves, for work that makes
   * sense only as long as the state stays as it is, active or not. One per state and tick, shared.
   */
  stateSignal(state: N): AbortSignal {
    const index = this.toIndexes(state)[0]!;
    let controller = this.#signals.get(index);
    if (controller === undefined) {
      controller = new AbortController();
      this.#signals.set(index, controller);
    }
    return controller.signal;
  }

  /**
   * Calls `listener` after each atomic change of the clock, with the indexes of the states whose
   * ticks moved, each once; the array is valid during the call only. Returns its removal.
   */
  onClockChange(listener: (indexes: Uint32Array) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** The active states and their ticks: `(A:1 B:3)`. */
  toString(): string {
    return formatActive(this);
  }

  /** All states and their ticks: `(A:1 B:3) [C:0]`, in index order. */
  toStringAll(): string {
    return formatAll(this);
  }

  /** A line for each state, and one for each of its properties and relations. */
  inspect(states: readonly N[] = this.names): string {
    return inspectStates(this, states);
  }

  /** Indexes of names. Throws {@linkcode MachineError} naming the unknown ones and the nearest known. */
  protected toIndexes(states: Names<N>): number[] {
    return toList(states).map((name) => {
      const index = this.indexOf(name);
      if (index < 0) throw unknownState(this, name);
      return index;
    });
  }

  /** For subclasses: aborts the state signals of the states that moved. */
  protected abortSignals(changed: Int32Array | Uint32Array, count: number): void {
    if (this.#signals.size === 0) return;
    for (let i = 0; i < count; i++) {
      const controller = this.#signals.get(changed[i]!);
      if (controller === undefined) continue;
      this.#signals.delete(changed[i]!);
      controller.abort();
    }
  }

  /** For subclasses: follows a new index order; -1 stands for a state that is gone, whose signal aborts. */
  protected remapSignals(toNew: (index: number) => number): void {
    const signals = [...this.#signals];
    this.#signals.clear();
    for (const [index, controller] of signals) {
      const moved = toNew(index);
      if (moved < 0) controller.abort();
      else this.#signals.set(moved, controller);
    }
  }

  /** For subclasses: aborts every state signal. */
  protected abortAllSignals(): void {
    for (const controller of this.#signals.values()) controller.abort();
    this.#signals.clear();
  }

  /** For subclasses: tells the clock listeners. */
  protected emitClockChange(changed: Int32Array | Uint32Array, count: number): void {
    if (this.#listeners.isEmpty || count === 0) return;
    if (this.#indexes.length < count) this.#indexes = new Uint32Array(Math.max(count, 16));
    for (let i = 0; i < count; i++) this.#indexes[i] = changed[i]!;
    const indexes = this.#indexes.subarray(0, count);
    this.#listeners.call(indexes);
  }

  /** For subclasses: what becomes of a listener's error, which stops no other listener. By default nobody catches it. */
  protected listenerFailed(error: Error): void {
    throwLater(error);
  }

  #isActive(index: number): boolean {
    return index >= 0 && this.ticks[index]! % 2 === 1;
  }
}

/** Throws where nobody catches it, as an error in an event listener does. */
export function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** The error for a state name that a machine does not have. */
export function unknownState(view: ClockView, name: string): MachineError {
  const nearest = likelyNames(name, view.names);
  const hint = nearest.length > 0 ? `; the nearest known are "${nearest.join('", "')}"` : "";
  return new MachineError(
    "unknown_state",
    `Cannot use state "${name}": machine "${view.id}" does not have it${hint}`,
    {
      states: [name],
    },
  );
}

function toList<N extends string>(states: Names<N>): readonly N[] {
  return typeof states === "string" ? [states] : states;
}

function entriesOf<N extends string>(clock: Partial<Record<N, number>>): [N, number][] {
  return Object.entries(clock) as [N, number][];
}
