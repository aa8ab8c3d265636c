/** The read side of a machine, shared with replicas: states, ticks, waits, state signals and text forms. */

import { notStates, throwLater, toError, unknownState } from "./errors.ts";
import { Listeners } from "./listeners.ts";
import { EXCEPTION, type Schema } from "./schema.ts";
import { formatActive, formatAll, inspectStates } from "./text.ts";
import type { Ticks } from "./waits/ticks.ts";
import { Waits } from "./waits/waits.ts";

/** One state name or several. */
export type Names<N extends string> = N | readonly N[];

export interface WaitOptions {
  /** Ends the wait: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The clock at one moment. Frozen; the same object until the clock changes. */
export interface ViewSnapshot<N extends string = string> {
  /** Active states in the view's order. */
  readonly active: readonly N[];
  /** Ticks by name. */
  readonly clock: Readonly<Record<N, number>>;
}

export abstract class ClockView<N extends string = string> {
  readonly id: string;
  /** State names in index order. */
  abstract get names(): readonly N[];
  /** The schema as parsed: without unknown names in Add, Remove and After. Frozen. */
  abstract get schema(): Schema<N>;
  /** Ticks in index order; odd is active. This is the live array: do not keep it across an await. */
  abstract get ticks(): Ticks;

  protected readonly waits: Waits;
  readonly #signals = new Map<number, AbortController>();
  readonly #listeners = new Listeners<[Uint32Array]>((error) => this.listenerFailed(error));
  readonly #subscribers = new Listeners<[]>((error) => this.listenerFailed(error));
  #followsForSubscribers = false;
  #snapshot: ViewSnapshot<N> | undefined = undefined;
  #indexes = new Uint32Array(0);

  constructor(id: string) {
    this.id = id;
    this.waits = new Waits(() => this.ticks);
  }

  /** Index of a state, -1 if unknown. */
  abstract indexOf(name: string): number;

  /** Whether all of `states` are active; an unknown state is not. True for an empty list. */
  is(states: Names<N>): boolean {
    if (typeof states === "string") return this.#isActive(this.indexOf(states));
    if (!Array.isArray(states)) throw notStates(states);
    for (const name of states) if (!this.#isActive(this.indexOf(name))) return false;
    return true;
  }

  /** Whether none of `states` is active. Throws `MachineError` for an unknown state. */
  not(states: Names<N>): boolean {
    return this.toIndexes(states).every((index) => !this.#isActive(index));
  }

  /** Whether at least one of the groups has all its states active. */
  any(...groups: readonly Names<N>[]): boolean {
    return groups.some((group) => this.is(group));
  }

  /** Whether all of `states` exist. */
  has(states: Names<N>): boolean {
    return toList(states).every((name) => this.indexOf(name) >= 0);
  }

  /** The first active state of the groups; undefined if none is active. */
  switch(...groups: readonly (readonly N[])[]): N | undefined {
    return groups.flat().find((name) => this.is(name));
  }

  /** The tick of a state; 0 if it is unknown. */
  tick(state: N): number {
    return this.ticks[this.indexOf(state)] ?? 0;
  }

  /** A copy of the ticks: of all states in index order, or of the given ones; 0 for an unknown state. */
  time(states?: readonly N[]): number[] {
    return states === undefined ? [...this.ticks] : states.map((name) => this.tick(name));
  }

  /** Ticks by name, of all states or of the given ones. */
  clock(states: readonly N[] = this.names): Record<N, number> {
    return Object.fromEntries(states.map((name) => [name, this.tick(name)])) as Record<N, number>;
  }

  /** Sum of all ticks; grows with every change. */
  get timeSum(): number {
    let sum = 0;
    for (const tick of this.ticks) sum += tick;
    return sum;
  }

  /** Active states in the view's order, or those of `states` that are active, in that order. */
  activeStates(states: readonly N[] = this.names): N[] {
    return states.filter((name) => this.is(name));
  }

  /** Whether the ticks equal `time`: all ticks in index order, or those of `states`. */
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

  /** The tags of a state. Throws `MachineError` for an unknown state. */
  tags(state: N): readonly string[] {
    this.toIndexes(state);
    return this.schema[state].tags ?? [];
  }

  /** States that have a tag, in index order: `level` finds `level` and `level:1`, `level:1` only itself. */
  statesByTag(tag: string): N[] {
    const { schema } = this;
    return this.names.filter((name) =>
      schema[name]?.tags?.some((other) => other === tag || other.startsWith(`${tag}:`)),
    );
  }

  /** Whether `Exception` is active. */
  get isErr(): boolean {
    return this.is(EXCEPTION as N);
  }

  /** Resolves when all of `states` are active at the same time; at once if they are. Throws `MachineError` for an unknown state. */
  when(states: Names<N>, options: WaitOptions = {}): Promise<void> {
    return this.waits.active(this.toIndexes(states), options.signal);
  }

  /** Resolves when none of `states` is active; at once if none is. Throws `MachineError` for an unknown state. */
  whenNot(states: Names<N>, options: WaitOptions = {}): Promise<void> {
    return this.waits.inactive(this.toIndexes(states), options.signal);
  }

  /** Resolves when each tick has reached its number in `clock`; at once if all have. An unknown state never does. */
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

  /** Resolves at the state's next activation; a current one does not count. */
  whenNextActive(state: N, options: WaitOptions = {}): Promise<void> {
    return this.whenTicks(state, this.is(state) ? 2 : 1, options);
  }

  /** Resolves when `query` returns true for the ticks (in index order) after a later change. Rejects with what it throws. */
  whenQuery(query: (ticks: Ticks) => boolean, options: WaitOptions = {}): Promise<void> {
    return this.waits.query(query, options.signal);
  }

  /** Resolves when `Exception` is active. */
  whenErr(options: WaitOptions = {}): Promise<void> {
    return this.when(EXCEPTION as N, options);
  }

  /**
   * A signal that aborts as soon as the state's tick moves, for work that makes sense only while the
   * state stays as it is, active or inactive. All callers share one signal per state and tick.
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
   * ticks moved, each once; the array is valid only during the call. Returns a function that removes it.
   */
  onClockChange(listener: (indexes: Uint32Array) => void): () => void {
    return this.#listeners.add(listener);
  }

  /**
   * Calls `listener` at once, and after each change of the clock, with the current snapshot. Returns a function
   * that removes it. Needs no `this`: `useSyncExternalStore(machine.subscribe, machine.getSnapshot)`; it also
   * makes the machine a store of Svelte.
   */
  readonly subscribe: (listener: (snapshot: ViewSnapshot<N>) => void) => () => void = (
    listener,
  ) => {
    const call = () => listener(this.getSnapshot());
    const remove = this.#subscribers.add(call);
    if (!this.#followsForSubscribers) this.onClockChange(() => this.#subscribers.call());
    this.#followsForSubscribers = true;
    try {
      call();
    } catch (thrown) {
      this.listenerFailed(toError(thrown));
    }
    return remove;
  };

  /** The current snapshot; needs no `this`. */
  readonly getSnapshot: () => ViewSnapshot<N> = () => {
    this.#snapshot ??= Object.freeze({
      active: Object.freeze(this.activeStates()),
      clock: Object.freeze(this.clock()),
    });
    return this.#snapshot;
  };

  /** What `JSON.stringify()` writes. */
  toJSON(): { readonly id: string; readonly clock: Record<N, number> } {
    return { id: this.id, clock: this.clock() };
  }

  static {
    // What a console shows in Node.js, Deno and Bun: one line instead of all that the machine consists of.
    Object.defineProperty(ClockView.prototype, Symbol.for("nodejs.util.inspect.custom"), {
      value(this: ClockView) {
        return `Machine ${this.id} ${this}`;
      },
    });
  }

  /** The active states and their ticks: `(A:1 B:3)`. */
  toString(): string {
    return formatActive(this);
  }

  /** All states and their ticks: `(A:1 B:3) [C:0]`, in index order. */
  toStringAll(): string {
    return formatAll(this);
  }

  /** A line for each state, followed by a line for each of its properties and relations. */
  inspect(states: readonly N[] = this.names): string {
    return inspectStates(this, states);
  }

  /** The indexes of names. Throws `MachineError` for an unknown name. */
  protected toIndexes(states: Names<N>): number[] {
    return toList(states).map((name) => {
      const index = this.knownIndex(name);
      if (index < 0) throw unknownState(this, name);
      return index;
    });
  }

  /** For subclasses in whose clock a known state may be absent: the index of a state, -1 if unknown. */
  protected knownIndex(name: string): number {
    return this.indexOf(name);
  }

  /** For subclasses, when the clock has changed otherwise than by ticks: takes a new snapshot, and calls the subscribers. */
  protected emitSnapshot(): void {
    this.#snapshot = undefined;
    this.#subscribers.call();
  }

  /** For subclasses: aborts the signals of the states that moved. To be called whenever ticks move. */
  protected abortSignals(changed: Int32Array | Uint32Array, count: number): void {
    this.#snapshot = undefined;
    if (this.#signals.size === 0) return;
    for (let i = 0; i < count; i++) {
      const controller = this.#signals.get(changed[i]!);
      if (controller === undefined) continue;
      this.#signals.delete(changed[i]!);
      controller.abort();
    }
  }

  /** For subclasses: moves the signals to a new index order. `toNew` returns -1 for a state that is gone; its signal aborts. */
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

  /** For subclasses: calls the listeners of {@linkcode onClockChange}. */
  protected emitClockChange(changed: Int32Array | Uint32Array, count: number): void {
    if (this.#listeners.isEmpty || count === 0) return;
    if (this.#indexes.length < count) this.#indexes = new Uint32Array(Math.max(count, 16));
    for (let i = 0; i < count; i++) this.#indexes[i] = changed[i]!;
    const indexes = this.#indexes.subarray(0, count);
    this.#listeners.call(indexes);
  }

  /** For subclasses: handles a listener's error, which does not stop other listeners. By default it is thrown uncaught. */
  protected listenerFailed(error: Error): void {
    throwLater(error);
  }

  #isActive(index: number): boolean {
    return index >= 0 && this.ticks[index]! % 2 === 1;
  }
}

function toList<N extends string>(states: Names<N>): readonly N[] {
  if (typeof states === "string") return [states];
  if (!Array.isArray(states)) throw notStates(states);
  return states;
}

function entriesOf<N extends string>(clock: Partial<Record<N, number>>): [N, number][] {
  return Object.entries(clock) as [N, number][];
}
