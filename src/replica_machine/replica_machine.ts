/**
 * A machine on a replica: the read side of the machine at the root, and final handlers that run when a
 * state changes there. It follows a clock and never writes to it. SPEC.md has the rules.
 */

import {
  ClockView,
  Listeners,
  type Schema,
  type Ticks,
  unknownState,
  type WaitOptions,
} from "../machine/mod.ts";
import {
  type ClockChange,
  ReplicationError,
  systemTime,
  type TimeSource,
  type VersionedClock,
} from "../replication/mod.ts";
import { DeliveredClock } from "./delivered_clock.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { ReplicaChange, ReplicaEvent, ReplicaView } from "./event.ts";
import type { HandlerTracer } from "./handler_runs.ts";
import type { ReplicaBindOptions, ReplicaHandlers } from "./handlers.ts";

export interface ReplicaMachineOptions<N extends string = string> {
  /** The states that the program relies on: they give the types, and the names for reads and waits before the first clock. */
  readonly states?: readonly N[];
  /** Names the machine in errors. Default `replica`. */
  readonly id?: string;
  /** Receives errors of handlers and listeners, handlers that exceed their limits, and handlers whose states the clock lacks. */
  readonly onError: (error: Error, event: ReplicaEvent | undefined) => void;
  readonly tracer?: HandlerTracer;
  /** Longest time in milliseconds that a handler may block the process, checked when it returns; more is an error. Default 1,000. */
  readonly handlerTimeoutMs?: number;
  /** Longest time in milliseconds for an async handler; then its signal aborts and it counts as failed. Default 10,000. */
  readonly handlerDeadlineMs?: number;
  /** Number of running async handlers at which further changes wait and merge into one. Default 100. */
  readonly maxRunning?: number;
  readonly time?: TimeSource;
}

/** Receives what happens on a replica machine: only clocks travel, so there are changes and no transitions. */
export interface ReplicaTracer<N extends string = string> {
  /**
   * The clock moved: from and to which ticks and seq, and the trace contexts of the transitions in it. Runs once
   * for each diff or snapshot that moved a state, within the call that applies it, after listeners; the
   * first clock moved nothing. Errors go to `onError`.
   */
  change?(change: ReplicaChange<N>): void;
}

/** The clock as last read. `ticks` is its live array until the next reset. */
interface Served {
  readonly epoch: string;
  readonly names: readonly string[];
  readonly ticks: Float64Array;
}

/**
 * Makes a machine on a replica's clock. `N` comes from `states`, such as the generated `stateNames`, so
 * a misspelt state or handler does not compile. Throws `RangeError` for limits out of range.
 */
export function createReplicaMachine<N extends string = string>(
  clock: VersionedClock,
  options: ReplicaMachineOptions<N>,
): ReplicaMachine<N> {
  return new ReplicaMachine<N>(clock, options);
}

export class ReplicaMachine<N extends string = string>
  extends ClockView<N>
  implements ReplicaView<N>
{
  readonly #clock: VersionedClock;
  readonly #dispatcher: Dispatcher;
  readonly #unlisten: () => void;
  readonly #closing = new AbortController();
  /** The clock as tracers know it; undefined without one. */
  #traced: DeliveredClock | undefined = undefined;
  readonly #tracers = new Listeners<[ReplicaChange]>((error) => this.listenerFailed(error));
  #served: Served;

  constructor(clock: VersionedClock, options: ReplicaMachineOptions<N>) {
    super(options.id ?? "replica");
    const { handlerTimeoutMs = 1_000, handlerDeadlineMs = 10_000, maxRunning = 100 } = options;
    for (const [name, value] of Object.entries({ handlerTimeoutMs, handlerDeadlineMs }))
      if (!(value >= 0)) throw new RangeError(`Cannot create a machine: ${name} is ${value}`);
    if (!(maxRunning >= 1))
      throw new RangeError(`Cannot create a machine: maxRunning is ${maxRunning}, not 1 or more`);
    this.#clock = clock;
    this.#dispatcher = new Dispatcher({
      machine: this as ReplicaMachine,
      clock,
      handlerTimeoutMs,
      handlerDeadlineMs,
      maxRunning,
      time: options.time ?? systemTime,
      tracer: options.tracer,
      onError: options.onError,
    });
    const { states = [] } = options;
    this.#served =
      clock.epoch === ""
        ? { epoch: "", names: states, ticks: new Float64Array(states.length) }
        : { epoch: clock.epoch, names: clock.names, ticks: clock.ticks };
    this.#unlisten = clock.onChange((change) => this.#follow(change));
  }

  // The read side. Before the first clock, all states are inactive.

  override get names(): readonly N[] {
    return (this.isSynced ? this.#clock.names : this.#served.names) as readonly N[];
  }

  override get schema(): Schema<N> {
    return this.#clock.schema as Schema<N>;
  }

  override get ticks(): Ticks {
    return this.isSynced ? this.#clock.ticks : this.#served.ticks;
  }

  override get timeSum(): number {
    return this.#clock.timeSum;
  }

  override indexOf(name: string): number {
    return this.isSynced ? this.#clock.indexOf(name) : this.#served.names.indexOf(name);
  }

  get isSynced(): boolean {
    return this.#clock.epoch !== "";
  }

  get epoch(): string {
    return this.#clock.epoch;
  }

  get seq(): number {
    return this.#clock.seq;
  }

  whenSynced(options: WaitOptions = {}): Promise<void> {
    return this.isSynced ? Promise.resolve() : this.whenQuery(() => this.isSynced, options);
  }

  // Without a clock, inactivity and ticks are unknown, so these waits start with the first clock.

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

  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  // Handlers.

  /**
   * Binds a set of final handlers, which run after the sets bound before. Returns its removal. Throws
   * `MachineError` for a handler that is not final, or whose state is unknown; if a later schema lacks
   * the state, the error goes to `onError`.
   */
  handle(handlers: ReplicaHandlers<N>, options: ReplicaBindOptions = {}): () => void {
    return this.bind(handlers as Record<string, unknown>, options);
  }

  /** Like {@linkcode handle}, for handlers whose names are known only at run time. */
  bind(handlers: Readonly<Record<string, unknown>>, options: ReplicaBindOptions = {}): () => void {
    return this.#dispatcher.bind(handlers, options);
  }

  /** Attaches a tracer; without one, following the clock costs no more. Returns a function that removes it. */
  trace(tracer: ReplicaTracer<N>): () => void {
    // A closed machine has no changes: nothing would end the tracer's copy of the clock.
    if (tracer.change === undefined || this.signal.aborted) return () => {};
    if (this.#traced === undefined) {
      this.#traced = new DeliveredClock();
      this.#traced.skipTo(this.#clock);
    }
    const remove = this.#tracers.add((change) => tracer.change!(change as ReplicaChange<N>));
    return () => {
      remove();
      if (this.#tracers.isEmpty) this.#traced = undefined;
    };
  }

  /** Number of open waits. */
  get waitCount(): number {
    return this.waits.count;
  }

  /** Number of running async handlers. */
  get running(): number {
    return this.#dispatcher.runs.running;
  }

  /**
   * Stops following the clock: aborts all signals, resolves all waits and calls no more handlers.
   * Resolves when the running handlers have ended, at their deadline at the latest.
   */
  async close(): Promise<void> {
    this.#unlisten();
    const closed = this.#dispatcher.close();
    this.#closing.abort();
    this.waits.close();
    this.abortAllSignals();
    this.emitSnapshot();
    await closed;
  }

  protected override listenerFailed(error: Error): void {
    this.#dispatcher.runs.fail(error);
  }

  #onceSynced(options: WaitOptions, wait: () => Promise<void>): Promise<void> {
    const waited = (async () => {
      if (!this.isSynced) await this.whenSynced(options);
      await wait();
    })();
    // A wait that nobody awaits must not fail the process when it ends early.
    waited.catch(() => {});
    return waited;
  }

  #follow(change: ClockChange): void {
    if (change.type === "reset") this.#startOver();
    else if (change.indexes.length > 0) this.#changed(change.indexes, change.indexes.length);
    if (this.#traced !== undefined) this.#trace(this.#traced);
  }

  #trace(traced: DeliveredClock): void {
    if (!traced.hasStarted) {
      traced.skipTo(this.#clock);
      return;
    }
    const change = traced.take(this.#clock);
    if (change.flips.length > 0) this.#tracers.call(change);
  }

  #changed(indexes: Int32Array | Uint32Array, count: number): void {
    this.abortSignals(indexes, count);
    this.emitClockChange(indexes, count);
    this.waits.process(indexes, count);
    this.#dispatcher.schedule();
  }

  /** Finds what a snapshot changed. */
  #startOver(): void {
    const before = this.#served;
    const { epoch, names, ticks } = this.#clock;
    this.#served = { epoch, names, ticks };
    const isNewEpoch = before.epoch !== "" && before.epoch !== epoch;
    if (isNewEpoch) {
      this.waits.rejectTicks(
        new ReplicationError(
          "aborted",
          `Cannot wait for ticks of epoch ${before.epoch}: the current epoch is ${epoch}`,
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
      // Ticks of different epochs are unrelated; only activity can be compared.
      return isNewEpoch ? moved % 2 !== 0 : moved !== 0;
    });
    this.#changed(changed, changed.length);
  }
}
