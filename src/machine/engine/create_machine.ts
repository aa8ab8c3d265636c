/** `createMachine()`, and the class behind it: the public methods of a machine over its engine. */

import { type CallOptions, CallTable, type ServedCalls } from "../calls.ts";
import { ClockView, type Names, type WaitOptions } from "../clock_view.ts";
import { isAbortError, MachineError, throwLater, toError } from "../errors.ts";
import { Bindings } from "../handlers/bindings.ts";
import type { EngineHost } from "../handlers/engine_context.ts";
import { TracerList } from "../handlers/tracer_list.ts";
import { Listeners } from "../listeners.ts";
import type {
  BindOptions,
  BoundHandlers,
  Handlers,
  Machine,
  Tracer,
  Transition,
} from "../machine.ts";
import { createExport, type MachineExport, readExport } from "../machine_export.ts";
import {
  type MachineOptions,
  type ResolvedOptions,
  randomId,
  resolveOptions,
} from "../machine_options.ts";
import {
  type CheckOptions,
  MUTATION_ADD,
  MUTATION_REMOVE,
  MUTATION_SET,
  type Mutation,
  type MutationArgs,
  type MutationOptions,
  type MutationResult,
  type MutationType,
} from "../mutation.ts";
import { compileSchema } from "../resolver/compiled_schema.ts";
import { EXCEPTION, parseSchema, type Schema, type StateDefinition, sortNames } from "../schema.ts";
import { ArgsWaits } from "../waits/args_waits.ts";
import { QueueWaits } from "../waits/queue_waits.ts";
import type { Ticks } from "../waits/ticks.ts";
import { Disposal } from "./disposal.ts";
import { Engine } from "./engine.ts";
import { canceled, Requests } from "./requests.ts";
import { compileLarger, mapIndexes } from "./schema_change.ts";
import { checkOrder } from "./state_order.ts";

/**
 * Makes a machine from a schema, and infers its state names.
 *
 * A schema that contradicts itself still makes a machine: its `Exception` is active and
 * {@linkcode Machine.err} says why. Throws {@linkcode MachineError} if `options.states` is not exactly
 * the schema's states, and `RangeError` for limits out of range.
 */
export function createMachine<N extends string>(
  // Names are inferred only from the keys, so that a relation to any other state does not compile.
  schema: Readonly<Record<N, StateDefinition<NoInfer<N> | typeof EXCEPTION>>>,
  options: MachineOptions<NoInfer<N>> = {},
): Machine<N | typeof EXCEPTION> {
  if (typeof options !== "object" || options === null)
    throw new TypeError(`Cannot create a machine: its options are ${options}, not an object`);
  return new EngineMachine<N | typeof EXCEPTION>(schema as Schema<N | typeof EXCEPTION>, options);
}

/**
 * Imports clocks into several machines: checks all before it changes any, and moves all before a signal, listener,
 * wait or handler sees one. Throws what {@linkcode Machine.import} throws.
 */
export function importClocks(
  clocks: Iterable<readonly [machine: object, exported: MachineExport]>,
): void {
  EngineMachine.importAll(clocks);
}

/** The clock of a disposed machine. */
const NO_TICKS = new Float64Array(0);
const NO_INDEXES: ReadonlyMap<string, number> = new Map();

/** Methods without a comment are described in {@linkcode Machine} or {@linkcode ClockView}. */
class EngineMachine<N extends string> extends ClockView<N> implements Machine<N> {
  /** The engine of the current schema. */
  #engine: Engine;
  /** This machine, for code that does not depend on its state names. */
  readonly #self = this as unknown as Machine;
  readonly #options: ResolvedOptions;
  readonly #errorListeners = new Listeners<[Error]>(throwLater);
  readonly #requests: Requests<N>;
  readonly #calls: CallTable;
  readonly #disposal = new Disposal();
  readonly #tracers = new TracerList((error) => this.#keepError(error));
  readonly #bindings = new Bindings();
  readonly #argsWaits = new ArgsWaits();
  readonly #queueWaits = new QueueWaits();
  readonly #changeListeners = new Listeners<[before: readonly number[], after: readonly number[]]>(
    (error) => this.#keepError(error),
  );
  /** Index of each state, and the live ticks; both empty on a disposed machine. */
  #indexByName: ReadonlyMap<string, number>;
  #ticks: Float64Array;
  #err: Error | undefined = undefined;
  #machineTick = 0;

  constructor(schema: Schema<N>, options: MachineOptions<N>) {
    super(options.id ?? randomId());
    this.#options = resolveOptions(options);
    this.#calls = new CallTable(this.id);
    if (options.onError !== undefined) this.#errorListeners.add(options.onError);
    const { schema: parsed, errors } = parseSchema(schema);
    const names = sortNames(Object.keys(parsed));
    if (options.states !== undefined) checkOrder(this.id, options.states, names);
    const compiled = compileSchema(parsed, options.states ?? names);
    this.#engine = new Engine(compiled, this.#tracers, this.#createHost());
    this.#indexByName = compiled.indexByName;
    this.#ticks = this.#engine.ticks;
    this.#requests = new Requests(this, this.#options, this.#disposal, this.#engine);
    for (const tracer of options.tracers ?? []) this.#tracers.add(tracer);
    if (options.states) this.#tracers.each((tracer) => tracer.statesVerified?.(this.#self));
    const parent = options.parent as EngineMachine<string> | undefined;
    if (parent !== undefined)
      parent.#tracers.each((tracer) => tracer.submachineCreated?.(parent, this.#self));
    if (options.signal !== undefined)
      this.#disposal.startOn(options.signal, () => void this.dispose());
    if (errors.length === 1) this.addErr(errors[0]);
    if (errors.length > 1)
      this.addErr(new AggregateError(errors, errors.map(({ message }) => message).join("; ")));
  }

  withArgs<T extends { [K in N]?: object }>(): Machine<N, T> {
    return this as unknown as Machine<N, T>;
  }

  // Reads. On a disposed machine no state is active.

  override get names(): readonly N[] {
    return this.#engine.schema.names as readonly N[];
  }

  override get schema(): Schema<N> {
    return this.#engine.schema.schema as Schema<N>;
  }

  override get ticks(): Ticks {
    return this.#ticks;
  }

  override get timeSum(): number {
    return this.#disposal.isLive ? this.#engine.timeSum : 0;
  }

  override indexOf(name: string): number {
    return this.#indexByName.get(name) ?? -1;
  }

  override time(states?: readonly N[]): number[] {
    return this.#disposal.isLive ? super.time(states) : [];
  }

  override isTime(time: ArrayLike<number>, states?: readonly N[]): boolean {
    return this.#disposal.isLive && super.isTime(time, states);
  }

  override wasTime(time: ArrayLike<number>, states?: readonly N[]): boolean {
    return this.#disposal.isLive && super.wasTime(time, states);
  }

  override isClock(clock: Partial<Record<N, number>>): boolean {
    return this.#disposal.isLive && super.isClock(clock);
  }

  override wasClock(clock: Partial<Record<N, number>>): boolean {
    return this.#disposal.isLive && super.wasClock(clock);
  }

  override stateSignal(state: N): AbortSignal {
    this.toIndexes(state);
    return this.#disposal.isLive ? super.stateSignal(state) : AbortSignal.abort();
  }

  /** Also on a disposed machine, where the states still exist, but not in the clock. */
  protected override knownIndex(name: string): number {
    return this.#engine.schema.indexByName.get(name) ?? -1;
  }

  /** Active states in the order of the last target, or those of `states` that are active, in that order. */
  override activeStates(states?: readonly N[]): N[] {
    if (this.isDisposed) return [];
    if (states !== undefined) return super.activeStates(states);
    const order = this.#engine.resolution.order();
    const { names } = this;
    const active: N[] = [];
    for (let i = 0; i < order.length; i++) active.push(names[order[i]!]!);
    return active;
  }

  override is(states: Names<N>): boolean {
    return this.#disposal.isLive && super.is(states);
  }

  override not(states: Names<N>): boolean {
    return this.#disposal.isLive && super.not(states);
  }

  override has(states: Names<N>): boolean {
    return this.#disposal.isLive && super.has(states);
  }

  override tick(state: N): number {
    return this.#disposal.isLive ? super.tick(state) : 0;
  }

  get isRunning(): boolean {
    return this.#engine.isRunning;
  }

  get transition(): Transition<N> | undefined {
    const { isRunning, transition } = this.#engine;
    return isRunning && transition.isRunning
      ? (transition as Transition as unknown as Transition<N>)
      : undefined;
  }

  get err(): Error | undefined {
    return this.#err;
  }

  get machineTick(): number {
    return this.#machineTick;
  }

  get queueTick(): number {
    return this.#engine.queue.tick;
  }

  get queue(): readonly Mutation<N>[] {
    const mutations = this.#engine.queue.items.filter(({ evaluate }) => evaluate === undefined);
    return mutations as readonly Mutation[] as readonly Mutation<N>[];
  }

  willBe(states: Names<N>): boolean {
    return this.#requests.isQueued(MUTATION_ADD, states);
  }

  willBeRemoved(states: Names<N>): boolean {
    return this.#requests.isQueued(MUTATION_REMOVE, states);
  }

  isQueued(type: MutationType, states: Names<N>): boolean {
    this.toIndexes(states);
    const wanted = typeof states === "string" ? [states] : states;
    return this.queue.some(
      (queued) =>
        queued.type === type &&
        !queued.isCheck &&
        wanted.every((state) => queued.states.includes(state)),
    );
  }

  willBeActive(states: Names<N>): boolean {
    this.toIndexes(states);
    const { queue } = this;
    return (typeof states === "string" ? [states] : states).every((state) => {
      const last = queue.findLast(
        (queued) => !queued.isCheck && (queued.type === "set" || queued.states.includes(state)),
      );
      if (last === undefined) return this.is(state);
      return last.type !== "remove" && last.states.includes(state);
    });
  }

  get resolverCounts(): { readonly incremental: number; readonly general: number } {
    const { incrementalCount, generalCount } = this.#engine.resolution;
    return { incremental: incrementalCount, general: generalCount };
  }

  // Mutations.

  add(states: Names<N>, args?: MutationArgs, options?: MutationOptions): MutationResult<N> {
    return this.#requests.mutate(MUTATION_ADD, states, args, options);
  }

  remove(states: Names<N>, args?: MutationArgs, options?: MutationOptions): MutationResult<N> {
    return this.#requests.mutate(MUTATION_REMOVE, states, args, options);
  }

  set(states: Names<N>, args?: MutationArgs, options?: MutationOptions): MutationResult<N> {
    return this.#requests.mutate(MUTATION_SET, states, args, options);
  }

  toggle(states: Names<N>, args?: MutationArgs, options?: MutationOptions): MutationResult<N> {
    return this.is(states) ? this.remove(states, args, options) : this.add(states, args, options);
  }

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

  canAdd(states: Names<N>, args?: MutationArgs, options?: CheckOptions<N>): MutationResult<N> {
    return this.#requests.check(MUTATION_ADD, states, args, options);
  }

  canRemove(states: Names<N>, args?: MutationArgs, options?: CheckOptions<N>): MutationResult<N> {
    return this.#requests.check(MUTATION_REMOVE, states, args, options);
  }

  eval<T>(run: () => T): Promise<Awaited<T>> {
    return this.#requests.evaluate(run);
  }

  // Waits.

  whenArgs(state: N, args: MutationArgs, options: WaitOptions = {}): Promise<void> {
    const index = this.toIndexes(state)[0]!;
    if (this.isDisposed) return Promise.resolve();
    const promise = this.#argsWaits.add(index, args, options.signal);
    this.#engine.hasArgsWaits = this.#argsWaits.count > 0;
    return promise;
  }

  whenQueue(result: MutationResult<N>): Promise<void> {
    const tick = result.result === "queued" ? result.queueTick : 0;
    if (tick <= this.queueTick || this.isDisposed) return Promise.resolve();
    return this.#queueWaits.forTick(tick);
  }

  whenQueueEnd(): Promise<void> {
    return this.#engine.isRunning ? this.#queueWaits.forEnd() : Promise.resolve();
  }

  get waitCount(): number {
    return this.waits.count + this.#argsWaits.count + this.#queueWaits.count;
  }

  // Handlers and tracers.

  handle(handlers: Handlers<N>, options: BindOptions = {}): () => void {
    return this.bind(handlers as Record<string, unknown>, options);
  }

  bind(handlers: Readonly<Record<string, unknown>>, options: BindOptions = {}): () => void {
    const set = this.#bindings.add(this.#engine.schema, handlers, options);
    const isFirst = !this.#engine.hasEverBound;
    this.#engine.hasEverBound = true;
    this.#engine.bindings = this.#bindings.compiled;
    if (isFirst && this.isErr && this.#err !== undefined) this.addErr(this.#err);
    return () => {
      this.#bindings.remove(set);
      this.#engine.bindings = this.#bindings.compiled;
    };
  }

  get bindings(): readonly BoundHandlers[] {
    return this.#bindings.list;
  }

  onError(listener: (error: Error) => void): () => void {
    return this.#errorListeners.add(listener);
  }

  trace(tracer: Tracer): () => void {
    return this.#tracers.add(tracer);
  }

  get tracers(): readonly Tracer[] {
    return this.#tracers.all;
  }

  onChange(listener: (before: readonly number[], after: readonly number[]) => void): () => void {
    return this.#changeListeners.add(listener);
  }

  // Schema, export, disposal.

  setSchema<M extends string>(schema: Schema<M>, states: readonly (M | typeof EXCEPTION)[]): void {
    this.#refuseDisposed("set the schema");
    if (this.#engine.isRunning)
      throw new MachineError("in_transition", "Cannot set the schema: a transition is running");
    const old = this.#engine.schema;
    const compiled = compileLarger(old, this.id, schema, states);
    // Throws for a handler whose state is gone, before anything changes.
    this.#bindings.recompile(compiled);
    const toNew = mapIndexes(old, compiled);
    const engine = new Engine(compiled, this.#tracers, this.#createHost());
    engine.continueFrom(this.#engine, toNew);
    engine.bindings = this.#bindings.compiled;
    this.#engine = engine;
    this.#indexByName = compiled.indexByName;
    this.#ticks = engine.ticks;
    this.#requests.engine = engine;
    this.waits.remap(toNew);
    this.#argsWaits.remap(toNew);
    engine.hasArgsWaits = this.#argsWaits.count > 0;
    this.remapSignals(toNew);
    this.emitSnapshot();
    this.#tracers.each((tracer) => tracer.schemaChanged?.(this.#self));
  }

  export(): MachineExport {
    return createExport(this, this.#engine.ticks);
  }

  import(exported: MachineExport): void {
    EngineMachine.importAll([[this, exported]]);
  }

  /** See {@linkcode importClocks}. */
  static importAll(clocks: Iterable<readonly [machine: object, exported: MachineExport]>): void {
    const imports = Array.from(clocks, ([machine, exported]) => {
      if (!(#engine in machine)) throw new TypeError("Cannot import a clock: not a local machine");
      const local = machine as EngineMachine<string>;
      return { machine: local, exported, ticks: local.#readImport(exported) };
    });
    const moved = imports.map(({ machine, exported, ticks }) => {
      const changed = Int32Array.from(machine.names.keys()).filter(
        (index) => ticks[index] !== machine.ticks[index],
      );
      machine.#engine.importTicks(ticks);
      machine.#machineTick = exported.machineTick + 1;
      return { machine, changed };
    });
    for (const { machine, changed } of moved) {
      machine.abortSignals(changed, changed.length);
      machine.emitClockChange(changed, changed.length);
      machine.waits.processAll();
    }
    for (const { machine } of moved)
      if (machine.indexOf("MachineRestored") >= 0) machine.add("MachineRestored");
  }

  /** The ticks to import. Throws `MachineError` if this machine cannot take them now. */
  #readImport(exported: MachineExport): Float64Array {
    this.#refuseDisposed("import a clock");
    if (this.#engine.isRunning)
      throw new MachineError("in_transition", "Cannot import a clock: a transition is running");
    return readExport(this, exported);
  }

  get isDisposed(): boolean {
    return !this.#disposal.isLive;
  }

  get signal(): AbortSignal {
    return this.#disposal.signal;
  }

  onDispose(callback: () => void): void {
    this.#disposal.onEnd(callback);
  }

  whenDisposed(): Promise<void> {
    return this.#disposal.done;
  }

  async dispose(): Promise<void> {
    if (this.isDisposed) return this.#disposal.done;
    if (this.is("Start" as N)) this.remove("Start" as N);
    await this.whenQueueEnd();
    if (this.isDisposed) return this.#disposal.done;
    this.#disposal.begin();
    this.#tracers.each((tracer) => tracer.machineDisposed?.(this.#self));
    this.waits.close();
    this.#argsWaits.close();
    this.#queueWaits.close();
    this.abortAllSignals();
    this.#bindings.clear();
    this.#engine.bindings = [];
    this.#indexByName = NO_INDEXES;
    this.#ticks = NO_TICKS;
    this.emitSnapshot();
    this.#disposal.end((error) => this.#keepError(error));
  }

  #createHost(): EngineHost {
    return {
      machine: this.#self,
      handlerTimeoutMs: this.#options.handlerTimeoutMs,
      now: this.#options.now,
      onTicksMoved: (changed, count) => this.abortSignals(changed, count),
      onTransitionEnd: (transition, changed, count) => {
        if (!this.#changeListeners.isEmpty)
          this.#changeListeners.call(transition.timeBefore, transition.timeAfter);
        this.emitClockChange(changed, count);
        // A canceled transition has moved ticks only if it reached its final handlers.
        if (transition.isAccepted || count > 0) this.waits.process(changed, count);
        this.#queueWaits.process(this.queueTick);
      },
      onStateEntered: (state, args) => {
        if (this.#argsWaits.count > 0) this.#argsWaits.process(state, args);
        this.#engine.hasArgsWaits = this.#argsWaits.count > 0;
      },
      onQueueEnd: () => this.#queueWaits.end(),
      onHandlerTimeout: (handler, tookMs) => this.#handlerTimedOut(handler, tookMs),
      onError: (error) => this.#keepError(error),
    };
  }

  /** Keeps the error of a handler that exceeded its timeout; beyond the deadline also empties the queue and adds the error. */
  #handlerTimedOut(handler: string, tookMs: number): void {
    const error = new MachineError(
      "handler_timeout",
      `Handler "${handler}" of "${this.id}" ran for ${Math.round(tookMs)} ms`,
    );
    if (tookMs < this.#options.handlerDeadlineMs) {
      this.#keepError(error);
      return;
    }
    this.#engine.queue.clear();
    this.#queueWaits.close();
    this.addErr(error);
    this.#engine.backoffUntil = this.#options.now() + this.#options.handlerBackoffMs;
  }

  #refuseDisposed(what: string): void {
    if (this.#disposal.isLive) return;
    throw new MachineError("disposed", `Cannot ${what}: machine "${this.id}" is disposed`);
  }

  protected override listenerFailed(error: Error): void {
    this.#keepError(error);
  }

  serve(calls: ServedCalls): () => void {
    return this.#calls.add(calls);
  }

  call(name: string, args?: unknown, options: CallOptions = {}): Promise<unknown> {
    return this.#calls.run(name, args, options);
  }

  get servedCalls(): readonly string[] {
    return this.#calls.names;
  }

  #keepError(error: Error): void {
    this.#err = error;
    this.#errorListeners.call(error);
  }
}
