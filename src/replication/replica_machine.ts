/**
 * A machine on a replica: the read side of the machine at the root, and handlers that are told of what
 * has happened there. It follows a clock and never writes to it. SPEC.md, "Local handlers", has the rules.
 */

import {
  ClockView,
  createStateSort,
  type Schema,
  unknownState,
  type WaitOptions,
} from "../machine/mod.ts";
import { ReplicationError } from "./errors.ts";
import { HandlerRuns, type HandlerTracer } from "./handler_runs.ts";
import type { ReplicaChange, ReplicaEvent } from "./replica_event.ts";
import {
  compileReplicaBinding,
  type ReplicaBinding,
  type ReplicaBindOptions,
  type ReplicaHandlers,
  unknownHandlers,
} from "./replica_handlers.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import { type Flip, flipToActive, ToldClock } from "./told_clock.ts";
import type { ClockChange, VersionedClock } from "./versioned_clock.ts";

export interface ReplicaMachineOptions<N extends string = string> {
  /** The states that the program counts on, for their types, and for reads and waits before the first clock has come. */
  readonly states?: readonly N[];
  /** Names the machine in errors. Default `replica`. */
  readonly id?: string;
  /** Is told what handlers and listeners throw, and of handlers that take too long or wait for states that are not there. */
  readonly onError: (error: Error, event: ReplicaEvent | undefined) => void;
  readonly tracer?: HandlerTracer;
  /** How long a handler may hold everything else up before that is an error, in milliseconds. Default 1,000. Measured when it returns. */
  readonly handlerTimeoutMs?: number;
  /** How long an async handler may go on before its signal aborts and it is no longer waited for, in milliseconds. Default 10,000. */
  readonly handlerDeadlineMs?: number;
  /** Async handlers that may be under way before further changes wait, and become one. Default 100. */
  readonly maxRunning?: number;
  /** Trace contexts of transitions after `seq`, as they came with the clock. Default: none is known. */
  readonly traceContextsSince?: (seq: number) => readonly Uint8Array[];
  readonly time?: TimeSource;
}

/** The clock as it was when views were last told. */
interface Served {
  readonly epoch: string;
  readonly names: readonly string[];
  readonly ticks: Float64Array;
}

/**
 * Makes a machine of a replica's clock. `N` comes from `states`, such as the generated `stateNames`: a
 * misspelt state or handler does not compile. Throws `RangeError` for limits out of range.
 */
export function createReplicaMachine<N extends string = string>(
  clock: VersionedClock,
  options: ReplicaMachineOptions<N>,
): ReplicaMachine<N> {
  return new ReplicaMachine<N>(clock, options);
}

export class ReplicaMachine<N extends string = string> extends ClockView<N> {
  readonly #clock: VersionedClock;
  readonly #options: ReplicaMachineOptions<N>;
  readonly #time: TimeSource;
  readonly #runs: HandlerRuns;
  readonly #unlisten: () => void;
  readonly #closing = new AbortController();
  #served: Served;
  // What handlers know. Without handlers, nothing is kept of it.
  readonly #told = new ToldClock();
  #bindings: readonly ReplicaBinding[] = [];
  /** Bound while a change was waiting to be told, which came before them, or with `includeActive`. */
  #fresh: readonly ReplicaBinding[] = [];
  #bindingNumber = 0;
  #cancelTurn: (() => void) | undefined = undefined;
  /** For these names the handlers' states have been looked for, and the order been made. */
  #sortedNames: readonly string[] = [];
  #sort: ((indexes: Int32Array) => void) | undefined = undefined;

  constructor(clock: VersionedClock, options: ReplicaMachineOptions<N>) {
    super(options.id ?? "replica");
    const { handlerTimeoutMs = 1_000, handlerDeadlineMs = 10_000, maxRunning = 100 } = options;
    for (const [name, value] of Object.entries({ handlerTimeoutMs, handlerDeadlineMs }))
      if (!(value >= 0)) throw new RangeError(`Cannot create a machine: ${name} is ${value}`);
    if (!(maxRunning >= 1))
      throw new RangeError(`Cannot create a machine: maxRunning is ${maxRunning}, not 1 or more`);
    this.#clock = clock;
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#runs = new HandlerRuns({
      handlerTimeoutMs,
      handlerDeadlineMs,
      maxRunning,
      time: this.#time,
      tracer: options.tracer,
      onError: options.onError,
      onRoom: () => this.#schedule(),
    });
    const { states = [] } = options;
    this.#served =
      clock.epoch === ""
        ? { epoch: "", names: states, ticks: new Float64Array(states.length) }
        : { epoch: clock.epoch, names: clock.names, ticks: clock.ticks };
    this.#unlisten = clock.onChange((change) => this.#follow(change));
  }

  // The read side. Until the first clock has come, all states are inactive.

  override get names(): readonly N[] {
    return (this.isSynced ? this.#clock.names : this.#served.names) as readonly N[];
  }

  override get schema(): Schema<N> {
    return this.#clock.schema as Schema<N>;
  }

  override get ticks(): Float64Array {
    return this.isSynced ? this.#clock.ticks : this.#served.ticks;
  }

  override get timeSum(): number {
    return this.#clock.timeSum;
  }

  override indexOf(name: string): number {
    return this.isSynced ? this.#clock.indexOf(name) : this.#served.names.indexOf(name);
  }

  /** Whether a clock has come. */
  get isSynced(): boolean {
    return this.#clock.epoch !== "";
  }

  get epoch(): string {
    return this.#clock.epoch;
  }

  get seq(): number {
    return this.#clock.seq;
  }

  /** Resolves when the first clock has come. */
  whenSynced(options: WaitOptions = {}): Promise<void> {
    return this.isSynced ? Promise.resolve() : this.whenQuery(() => this.isSynced, options);
  }

  // What is asked of a clock that is not there yet waits for it: nobody knows what is inactive.

  override whenNot(states: N | readonly N[], options: WaitOptions = {}): Promise<void> {
    this.toIndexes(states);
    return this.#onceSynced(options, () => super.whenNot(states, options));
  }

  override whenTicks(state: N, count: number, options: WaitOptions = {}): Promise<void> {
    return this.#onceSynced(options, () => super.whenTicks(state, count, options));
  }

  override whenNextActive(state: N, options: WaitOptions = {}): Promise<void> {
    return this.#onceSynced(options, () => super.whenNextActive(state, options));
  }

  /** Aborts when the machine is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  // Handlers.

  /**
   * Binds a set of final handlers, after those bound before. Returns its removal. Throws `MachineError`
   * for a handler that is not final, or whose state is unknown; a state that a later schema lacks
   * goes to `onError`.
   */
  handle(handlers: ReplicaHandlers<N>, options: ReplicaBindOptions = {}): () => void {
    return this.bind(handlers as Record<string, unknown>, options);
  }

  /** As {@linkcode handle}, for handlers whose names are known at run time only. */
  bind(handlers: Readonly<Record<string, unknown>>, options: ReplicaBindOptions = {}): () => void {
    const id = options.id ?? `handlers-${++this.#bindingNumber}`;
    const binding = compileReplicaBinding(this.id, handlers, id, options);
    if (this.names.length > 0)
      for (const error of unknownHandlers(this.id, binding, this.names)) throw error;
    if (this.#closing.signal.aborted) return () => {};
    if (this.#bindings.length + this.#fresh.length === 0) this.#told.skipTo(this.#clock);
    if (binding.includeActive || this.#told.isBehind(this.#clock)) {
      this.#fresh = [...this.#fresh, binding];
      this.#schedule();
    } else {
      this.#bindings = [...this.#bindings, binding];
    }
    return () => {
      binding.isRemoved = true;
      this.#bindings = this.#bindings.filter((other) => other !== binding);
      this.#fresh = this.#fresh.filter((other) => other !== binding);
    };
  }

  /** Number of waits that are open. */
  get waitCount(): number {
    return this.waits.count;
  }

  /** Number of async handlers under way. */
  get running(): number {
    return this.#runs.running;
  }

  /**
   * Ends following: aborts all signals, resolves all waits, tells handlers no more. Resolves when those
   * under way have ended, at their deadline at the latest.
   */
  async close(): Promise<void> {
    this.#unlisten();
    this.#cancelTurn?.();
    this.#closing.abort();
    this.#bindings = [];
    this.#fresh = [];
    this.waits.close();
    this.abortAllSignals();
    await this.#runs.idle();
  }

  protected override listenerFailed(error: Error): void {
    this.#runs.fail(error);
  }

  async #onceSynced(options: WaitOptions, wait: () => Promise<void>): Promise<void> {
    if (!this.isSynced) await this.whenSynced(options);
    if (!this.#closing.signal.aborted) await wait();
  }

  #follow(change: ClockChange): void {
    if (change.type === "reset") this.#startOver();
    else if (change.indexes.length > 0) this.#changed(change.indexes, change.indexes.length);
  }

  #changed(indexes: Int32Array | Uint32Array, count: number): void {
    this.abortSignals(indexes, count);
    this.emitClockChange(indexes, count);
    this.waits.process(indexes, count);
    this.#schedule();
  }

  /** A snapshot came: finds what it changed. */
  #startOver(): void {
    const before = this.#served;
    const { epoch, names, ticks } = this.#clock;
    this.#served = { epoch, names, ticks };
    const isNewEpoch = before.epoch !== "" && before.epoch !== epoch;
    if (isNewEpoch) {
      this.waits.rejectTicks(
        new ReplicationError(
          "aborted",
          `Cannot wait for ticks of epoch ${before.epoch}: the clock has begun epoch ${epoch}`,
        ),
      );
    }
    let indexBefore = (index: number) => index;
    if (names.length !== before.names.length || names.some((name, i) => name !== before.names[i])) {
      const places = new Map(before.names.map((name, index) => [name, index]));
      indexBefore = (index) => places.get(names[index]!) ?? -1;
      const toNew = (index: number) => this.indexOf(before.names[index]!);
      this.waits.remap(toNew, (index) => unknownState(this as ClockView, before.names[index]!));
      this.remapSignals(toNew);
    }
    const changed = Int32Array.from(names.keys()).filter((index) => {
      const tickBefore = before.ticks[indexBefore(index)] ?? 0;
      const moved = ticks[index]! - tickBefore;
      // Ticks of another epoch count from another start: what remains the same is whether a state is active.
      return isNewEpoch ? moved % 2 !== 0 : moved !== 0;
    });
    this.#changed(changed, changed.length);
    this.waits.processAll();
  }

  /** Handlers have a turn of their own: what they do holds up neither a diff on its way down nor the proof of its age. */
  #schedule(): void {
    if (this.#cancelTurn !== undefined || this.#closing.signal.aborted) return;
    if (this.#bindings.length + this.#fresh.length === 0) return;
    this.#cancelTurn = this.#time.defer(() => {
      this.#cancelTurn = undefined;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    // Whoever makes room schedules the next turn; what changes until then becomes one change.
    if (!this.isSynced || this.#runs.isFull) return;
    const { epoch, seq, names, changedAtMs } = this.#clock;
    if (this.#sortedNames !== names) this.#learn(names);
    const diff = this.#told.take(this.#clock);
    if (diff !== undefined && diff.flips.length > 0) {
      const traceContexts =
        this.#options.traceContextsSince?.(diff.type === "epoch" ? 0 : diff.seqBefore) ?? [];
      this.#tell(this.#bindings, { ...diff, epoch, seq, changedAtMs, traceContexts });
    }
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#bindings = [...this.#bindings, ...fresh];
    const joining = fresh.filter(({ includeActive }) => includeActive);
    if (joining.length === 0) return;
    const flips = names.flatMap((name, index) =>
      this.#clock.ticks[index]! % 2 === 1 ? [flipToActive(name, this.#clock.ticks[index]!)] : [],
    );
    if (flips.length === 0) return;
    const change = { type: "join", epoch, seqBefore: 0, seq, changedAtMs, flips } as const;
    this.#tell(joining, { ...change, traceContexts: [] });
  }

  #learn(names: readonly string[]): void {
    this.#sortedNames = names;
    this.#sort = undefined;
    for (const binding of [...this.#bindings, ...this.#fresh])
      for (const error of unknownHandlers(this.id, binding, names)) this.#runs.fail(error);
  }

  /** End of what left, then State of what entered, then AnyState, as in a transition. */
  #tell(bindings: readonly ReplicaBinding[], change: ReplicaChange): void {
    const { flips } = change;
    const call = (kind: "State" | "End", flip: Flip) => {
      for (const binding of bindings) {
        const handler = binding[kind].get(flip.state);
        if (handler === undefined || binding.isRemoved) continue;
        this.#runs.call(this as ReplicaMachine, binding, handler, flip, change);
      }
    };
    for (const flip of this.#inOrder(flips.filter((flip) => this.#hasLeft(flip))))
      call("End", flip);
    for (const flip of this.#inOrder(flips.filter(({ activations }) => activations > 0))) {
      call("State", flip);
      if (!flip.isActive) call("End", flip);
    }
    for (const binding of bindings) {
      if (binding.anyState === undefined || binding.isRemoved) continue;
      this.#runs.call(this as ReplicaMachine, binding, binding.anyState, undefined, change);
    }
  }

  /** Whether an activation that handlers were told of is over. That of a multi state which is called again goes on. */
  #hasLeft({ state, wasActive, activations }: Flip): boolean {
    return wasActive && (activations === 0 || this.#clock.schema[state]?.multi !== true);
  }

  #inOrder(flips: readonly Flip[]): readonly Flip[] {
    if (flips.length < 2) return flips;
    this.#sort ??= createStateSort(this.#clock.schema, this.#clock.names);
    const byIndex = new Map(flips.map((flip) => [this.#clock.indexOf(flip.state), flip]));
    const gone = flips.filter(({ state }) => this.#clock.indexOf(state) < 0);
    byIndex.delete(-1);
    const indexes = Int32Array.from(byIndex.keys());
    this.#sort(indexes);
    return [...gone, ...Array.from(indexes, (index) => byIndex.get(index)!)];
  }
}
