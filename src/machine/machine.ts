/** The state machine: its public face over the engine. */

import { Bindings } from "./bindings.ts";
import { type Names, throwLater } from "./clock_view.ts";
import { compileSchema } from "./compiled_schema.ts";
import { Engine, type EngineHost } from "./engine.ts";
import { EngineView } from "./engine_view.ts";
import { isAbortError, MachineError, toError } from "./errors.ts";
import type { BindOptions, Handlers } from "./handlers.ts";
import { Listeners } from "./listeners.ts";
import { type MachineExport, readExport } from "./machine_export.ts";
import {
  type MachineOptions,
  type ResolvedOptions,
  randomId,
  resolveOptions,
} from "./machine_options.ts";
import {
  type ArgsFor,
  type CheckOptions,
  MUTATION_ADD,
  MUTATION_REMOVE,
  MUTATION_SET,
  type MutationArgs,
  type MutationOptions,
  type MutationResult,
} from "./mutation.ts";
import { canceled, Requests } from "./requests.ts";
import { EXCEPTION, parseSchema, type Schema, type StateDefinition, sortNames } from "./schema.ts";
import { compileLarger, mapIndexes } from "./schema_change.ts";
import { checkOrder } from "./state_order.ts";
import { type Tracer, TracerList } from "./tracer.ts";

/**
 * Makes a machine of a schema, with its state names inferred.
 *
 * A schema that contradicts itself still makes a machine, one whose `Exception` is active and whose
 * {@linkcode Machine.err} says why. Throws {@linkcode MachineError} if `options.states` is not exactly
 * the schema's states, and `RangeError` for limits out of range.
 */
export function createMachine<N extends string>(
  // Names come from the keys alone: a relation to a state that is not among them does not compile.
  schema: Readonly<Record<N, StateDefinition<NoInfer<N> | typeof EXCEPTION>>>,
  options: MachineOptions<NoInfer<N>> = {},
): Machine<N | typeof EXCEPTION> {
  return new Machine<N | typeof EXCEPTION>(schema as Schema<N | typeof EXCEPTION>, options);
}

export class Machine<N extends string = string, A = unknown> extends EngineView<N> {
  protected override engine: Engine;
  readonly #options: ResolvedOptions;
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #requests: Requests<N>;
  readonly #tracers = new TracerList((error) => this.#keepError(error));
  readonly #bindings = new Bindings();
  readonly #changeListeners = new Listeners<[before: readonly number[], after: readonly number[]]>(
    (error) => this.#keepError(error),
  );
  #err: Error | undefined = undefined;
  #machineTick = 0;

  constructor(schema: Schema<N>, options: MachineOptions<N> = {}) {
    super(options.id ?? randomId());
    this.#options = resolveOptions(options);
    this.#onError = options.onError;
    const { schema: parsed, errors } = parseSchema(schema);
    const names = sortNames(Object.keys(parsed));
    if (options.states !== undefined) checkOrder(this.id, options.states, names);
    const compiled = compileSchema(parsed, options.states ?? names);
    this.engine = new Engine(compiled, this.#tracers, this.#createHost());
    this.#requests = new Requests(this, this.#options, this.disposal, this.engine);
    for (const tracer of options.tracers ?? []) this.#tracers.add(tracer);
    if (options.states) this.#tracers.each((tracer) => tracer.statesVerified?.(this.#asMachine()));
    const { parent } = options;
    if (parent !== undefined)
      parent.#tracers.each((tracer) => tracer.submachineCreated?.(parent, this.#asMachine()));
    if (options.signal !== undefined)
      this.disposal.startOn(options.signal, () => void this.dispose());
    if (errors.length === 1) this.addErr(errors[0]);
    if (errors.length > 1)
      this.addErr(new AggregateError(errors, errors.map(({ message }) => message).join("; ")));
  }

  /** The same machine with the arguments of its states typed: `createMachine(schema).withArgs<{ Delayed: { minutes: number } }>()`. */
  withArgs<T extends { [K in N]?: object }>(): Machine<N, T> {
    return this as unknown as Machine<N, T>;
  }

  // Mutations.

  /**
   * Activates states, with what they imply and at the cost of what they remove. From outside a
   * transition it runs at once, with everything that it leads to, and says how it ended; from within
   * one it is queued. Throws {@linkcode MachineError} for an unknown state.
   */
  add<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.#requests.mutate(MUTATION_ADD, states, args, options);
  }

  /** Deactivates states, and those that require them. */
  remove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.#requests.mutate(MUTATION_REMOVE, states, args, options);
  }

  /** Activates these states and deactivates all others. */
  set<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.#requests.mutate(MUTATION_SET, states, args, options);
  }

  /** Removes the states if all of them are active, else adds them. */
  toggle<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.is(states) ? this.remove(states, args, options) : this.add(states, args, options);
  }

  /**
   * Adds `Exception`, and `state` where the error has one of its own, with `{ error }` among the args.
   * The error is kept as {@linkcode err} even if the mutation is canceled. An abort is no error.
   */
  addErr(
    error: unknown,
    state: N = EXCEPTION as N,
    args?: MutationArgs,
    options?: MutationOptions,
  ): MutationResult<N> {
    const refused = this.#requests.refuse(true);
    if (refused !== undefined) return refused;
    if (error === undefined || error === null || isAbortError(error)) return canceled("no error");
    const known = toError(error);
    this.#keepError(known);
    return this.#requests.mutate(
      MUTATION_ADD,
      [...new Set([state, EXCEPTION as N])],
      { ...args, error: known },
      options,
    );
  }

  /**
   * Whether an add would be executed, by asking the relations and negotiation handlers; nothing changes.
   * From within a transition the check is queued in front, and `options.onResult` gets its answer.
   */
  canAdd<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: CheckOptions<N>,
  ): MutationResult<N> {
    return this.#requests.check(MUTATION_ADD, states, args, options);
  }

  /** Whether a remove would be executed. */
  canRemove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: CheckOptions<N>,
  ): MutationResult<N> {
    return this.#requests.check(MUTATION_REMOVE, states, args, options);
  }

  /**
   * Runs `run` between transitions, where nothing else happens: at once if none is running, else next,
   * before all that waits in the queue. Mutations made in it are queued. Resolves with what it returns,
   * rejects with what it throws, and with a {@linkcode MachineError} on a disposed machine.
   */
  eval<T>(run: () => T): Promise<Awaited<T>> {
    return this.#requests.evaluate(run);
  }

  /** The last error, kept also when `Exception` is removed or its mutation was canceled. */
  get err(): Error | undefined {
    return this.#err;
  }

  /** Grows with each import. */
  get machineTick(): number {
    return this.#machineTick;
  }

  /** Whether an add of exactly these states waits in the queue. */
  willBe(states: Names<N>): boolean {
    return this.#requests.isQueued(MUTATION_ADD, states);
  }

  /** Whether a remove of exactly these states waits in the queue. */
  willBeRemoved(states: Names<N>): boolean {
    return this.#requests.isQueued(MUTATION_REMOVE, states);
  }

  // Handlers and hooks.

  /**
   * Binds a set of handlers, after those bound before. Returns its removal. Throws
   * {@linkcode MachineError} for a handler whose name fits no state.
   * If `Exception` is active at the first binding, its error is added again so that the handlers see it.
   */
  handle(handlers: Handlers<N, A>, options: BindOptions = {}): () => void {
    return this.bind(handlers as Record<string, unknown>, options);
  }

  /** As {@linkcode handle}, for handlers whose names are known at run time only. */
  bind(handlers: Readonly<Record<string, unknown>>, options: BindOptions = {}): () => void {
    const set = this.#bindings.add(this.engine.schema, handlers, options);
    const isFirst = !this.engine.hasBindings;
    this.engine.hasBindings = true;
    this.engine.bindings = this.#bindings.compiled;
    if (isFirst && this.isErr && this.#err !== undefined) this.addErr(this.#err);
    return () => {
      this.#bindings.remove(set);
      this.engine.bindings = this.#bindings.compiled;
    };
  }

  /** Attaches a tracer. Returns its removal. */
  trace(tracer: Tracer): () => void {
    return this.#tracers.add(tracer);
  }

  get tracers(): readonly Tracer[] {
    return this.#tracers.all;
  }

  /**
   * Calls `listener` with all ticks before and after each transition that is no check, also a canceled
   * one. What it throws becomes {@linkcode err}. Returns its removal.
   */
  onChange(listener: (before: readonly number[], after: readonly number[]) => void): () => void {
    return this.#changeListeners.add(listener);
  }

  // Schema, export, disposal.

  /**
   * Replaces the schema by a larger one; ticks of states that stay are kept, new states start at 0.
   * Throws {@linkcode MachineError} if it has not more states than now, contradicts itself, lacks a
   * state that a bound handler is for, if `states` is not exactly its states, or within a transition;
   * nothing changes then.
   */
  setSchema<M extends string>(schema: Schema<M>, states: readonly (M | typeof EXCEPTION)[]): void {
    if (this.engine.isRunning)
      throw new MachineError("in_transition", "Cannot set the schema: a transition is running");
    const old = this.engine.schema;
    const compiled = compileLarger(old, this.id, schema, states);
    // Throws for a handler of a state that is gone, before anything changes.
    this.#bindings.recompile(compiled);
    const toNew = mapIndexes(old, compiled);
    const ticks = states.map((name) => this.ticks[old.indexByName.get(name) ?? -1] ?? 0);
    const order = Int32Array.from(this.engine.resolution.order(), toNew).filter(
      (index) => index >= 0,
    );
    const engine = new Engine(compiled, this.#tracers, this.#createHost());
    engine.importTicks(ticks);
    engine.active.reorder(order, order.length);
    engine.continueFrom(this.engine);
    engine.bindings = this.#bindings.compiled;
    this.engine = engine;
    this.#requests.engine = engine;
    this.waits.remap(toNew);
    this.argsWaits.remap(toNew);
    engine.hasArgsWaits = this.argsWaits.count > 0;
    this.remapSignals(toNew);
    this.#tracers.each((tracer) => tracer.schemaChanged?.(this.#asMachine()));
  }

  /** The clock, to be imported later. */
  export(): MachineExport {
    return {
      id: this.id,
      states: [...this.names],
      ticks: [...this.ticks],
      queueTick: this.queueTick,
      machineTick: this.#machineTick,
      schema: this.schema,
    };
  }

  /**
   * Takes over an exported clock: ticks and active states. The queue tick stays. Waits that the new
   * clock satisfies resolve. A state `MachineRestored`, if there is one, is added afterwards.
   * Throws {@linkcode MachineError} if it is of another machine or other states, or within a transition.
   */
  import(exported: MachineExport): void {
    if (this.engine.isRunning)
      throw new MachineError("in_transition", "Cannot import a clock: a transition is running");
    const ticks = readExport(this, exported);
    const changed = Int32Array.from(this.names.keys()).filter(
      (index) => ticks[index] !== this.ticks[index],
    );
    this.engine.importTicks(ticks);
    this.#machineTick = exported.machineTick + 1;
    this.abortSignals(changed, changed.length);
    this.emitClockChange(changed, changed.length);
    this.waits.processAll();
    if (this.indexOf("MachineRestored") >= 0) this.add("MachineRestored" as N);
  }

  /** Aborts when the machine is disposed. */
  get signal(): AbortSignal {
    return this.disposal.signal;
  }

  /** Calls `callback` during disposal, in the order of registration. What it throws becomes {@linkcode err} and stops no other. */
  onDispose(callback: () => void): void {
    this.disposal.onEnd(callback);
  }

  /**
   * Ends the machine: removes `Start` where there is one, waits for the queue, resolves all waits,
   * aborts all signals, drops the handlers. From then on mutations are canceled and no state is
   * active; names and schema stay readable.
   */
  async dispose(): Promise<void> {
    if (this.isDisposed) return this.disposal.done;
    if (this.is("Start" as N)) this.remove("Start" as N);
    await this.whenQueueEnd();
    if (this.isDisposed) return this.disposal.done;
    this.disposal.begin();
    this.#tracers.each((tracer) => tracer.machineDisposed?.(this.#asMachine()));
    this.waits.close();
    this.argsWaits.close();
    this.queueWaits.close();
    this.abortAllSignals();
    this.#bindings.clear();
    this.engine.bindings = [];
    this.disposal.end((error) => this.#keepError(error));
  }

  /** For the engine: a handler took longer than it may. */
  handlerTimedOut(handler: string, tookMs: number): void {
    const error = new MachineError(
      "handler_timeout",
      `Handler "${handler}" of "${this.id}" ran for ${Math.round(tookMs)} ms`,
    );
    if (tookMs < this.#options.handlerDeadlineMs) {
      this.#keepError(error);
      return;
    }
    this.engine.queue.clear();
    this.queueWaits.close();
    this.addErr(error);
    this.engine.backoffUntil = this.#options.now() + this.#options.handlerBackoffMs;
  }

  #createHost(): EngineHost {
    const options = this.#options;
    return {
      machine: this.#asMachine(),
      handlerTimeoutMs: options.handlerTimeoutMs,
      now: options.now,
      onTicksMoved: (changed, count) => this.abortSignals(changed, count),
      onTransitionEnd: (transition, changed, count) => {
        if (!this.#changeListeners.isEmpty)
          this.#changeListeners.call(transition.timeBefore, transition.timeAfter);
        this.emitClockChange(changed, count);
        // A canceled one moves ticks only if it got as far as final handlers.
        if (transition.isAccepted || count > 0) this.waits.process(changed, count);
        this.queueWaits.process(this.queueTick);
      },
      onStateEntered: (state, args) => {
        if (this.argsWaits.count > 0) this.argsWaits.process(state, args);
        this.engine.hasArgsWaits = this.argsWaits.count > 0;
      },
      onQueueEnd: () => this.queueWaits.end(),
      onError: (error) => this.#keepError(error),
    };
  }

  /** This machine for whoever does not care about its state names. */
  #asMachine(): Machine {
    return this as unknown as Machine;
  }

  protected override listenerFailed(error: Error): void {
    this.#keepError(error);
  }

  #keepError(error: Error): void {
    this.#err = error;
    try {
      this.#onError?.(error);
    } catch (thrown) {
      throwLater(thrown);
    }
  }
}
