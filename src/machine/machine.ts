/** The state machine: its public face over the engine. */

import { ArgsWaits } from "./args_waits.ts";
import { ClockView, type Names, throwLater, unknownState, type WaitOptions } from "./clock_view.ts";
import { type CompiledSchema, compileSchema } from "./compiled_schema.ts";
import { Engine, type EngineHost } from "./engine.ts";
import { isAbortError, MachineError, toError } from "./errors.ts";
import { type BindOptions, compileBinding, type Handlers } from "./handlers.ts";
import { type MachineExport, readExport } from "./machine_export.ts";
import { type MachineOptions, randomId, resolveOptions } from "./machine_options.ts";
import {
  type ArgsFor,
  type CheckOptions,
  EXECUTED,
  MUTATION_ADD,
  MUTATION_REMOVE,
  MUTATION_SET,
  type Mutation,
  type MutationArgs,
  type MutationKind,
  type MutationOptions,
  type MutationResult,
  type QueuedMutation,
} from "./mutation.ts";
import { EXCEPTION, parseSchema, type Schema, type StateDefinition, sortNames } from "./schema.ts";
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

export class Machine<N extends string = string, A = unknown> extends ClockView<N> {
  readonly #options: Required<
    Pick<
      MachineOptions,
      "handlerTimeoutMs" | "handlerDeadlineMs" | "handlerBackoffMs" | "queueLimit" | "now"
    >
  >;
  readonly #onError: ((error: Error) => void) | undefined;
  #schema: CompiledSchema;
  #engine: Engine;
  readonly #tracers = new TracerList((error) => this.#keepError(error));
  readonly #bound: {
    readonly handlers: Record<string, unknown>;
    readonly id: string;
    readonly prefix: string;
  }[] = [];
  #bindingNumber = 0;
  readonly #argsWaits = new ArgsWaits();
  readonly #queueWaits: { readonly tick: number; readonly resolve: () => void }[] = [];
  #queueEnd: PromiseWithResolvers<void> | undefined = undefined;
  readonly #changeListeners = new Set<
    (before: readonly number[], after: readonly number[]) => void
  >();
  #err: Error | undefined = undefined;
  #machineTick = 0;
  #status: "live" | "disposing" | "disposed" = "live";
  readonly #abort = new AbortController();
  readonly #disposed = Promise.withResolvers<void>();
  readonly #onDispose: (() => void)[] = [];
  #seen: Int32Array;
  #seenNumber = 0;

  constructor(schema: Schema<N>, options: MachineOptions<N> = {}) {
    super(options.id ?? randomId());
    this.#options = resolveOptions(options);
    this.#onError = options.onError;
    const { schema: parsed, errors } = parseSchema(schema);
    const names = sortNames(Object.keys(parsed));
    if (options.states !== undefined) checkOrder(this.id, options.states, names);
    this.#schema = compileSchema(parsed, options.states ?? names);
    this.#engine = new Engine(this.#schema, this.#tracers, this.#createHost());
    this.#seen = new Int32Array(this.#schema.names.length);
    for (const tracer of options.tracers ?? []) this.#tracers.add(tracer);
    if (options.states) this.#tracers.each((tracer) => tracer.statesVerified?.(this.#asMachine()));
    const { parent } = options;
    if (parent !== undefined)
      parent.#tracers.each((tracer) => tracer.submachineCreated?.(parent, this.#asMachine()));
    if (options.signal !== undefined) this.#disposeOnAbort(options.signal);
    if (errors.length > 0)
      this.addErr(
        errors.length === 1 ? errors[0]! : new AggregateError(errors, messagesOf(errors)),
      );
  }

  /** The same machine with the arguments of its states typed: `createMachine(schema).withArgs<{ Delayed: { minutes: number } }>()`. */
  withArgs<T extends { [K in N]?: object }>(): Machine<N, T> {
    return this as unknown as Machine<N, T>;
  }

  // The clock.

  override get names(): readonly N[] {
    return this.#schema.names as readonly N[];
  }

  override get schema(): Schema<N> {
    return this.#schema.schema as Schema<N>;
  }

  override get ticks(): Float64Array {
    return this.#engine.ticks;
  }

  override get timeSum(): number {
    return this.#engine.timeSum;
  }

  override indexOf(name: string): number {
    return this.#schema.indexByName.get(name) ?? -1;
  }

  /** Active states in the order of the last target, or those of `states` that are active, in that order. */
  override activeStates(states?: readonly N[]): N[] {
    if (this.isDisposed) return [];
    if (states !== undefined) return super.activeStates(states);
    const order = this.#engine.statesBefore();
    const { names } = this;
    const active: N[] = [];
    for (let i = 0; i < order.length; i++) active.push(names[order[i]!]!);
    return active;
  }

  override is(states: Names<N>): boolean {
    return this.#status === "live" && super.is(states);
  }

  override not(states: Names<N>): boolean {
    return this.#status === "live" && super.not(states);
  }

  override has(states: Names<N>): boolean {
    return this.#status === "live" && super.has(states);
  }

  override tick(state: N): number {
    return this.#status === "live" ? super.tick(state) : 0;
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
    return this.#request(MUTATION_ADD, states, args, options);
  }

  /** Deactivates states, and those that require them. */
  remove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.#request(MUTATION_REMOVE, states, args, options);
  }

  /** Activates these states and deactivates all others. */
  set<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N> {
    return this.#request(MUTATION_SET, states, args, options);
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
    const refused = this.#refuse(true);
    if (refused !== undefined) return refused;
    if (error === undefined || error === null || isAbortError(error)) return canceled("no error");
    const known = toError(error);
    this.#keepError(known);
    return this.#request(
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
    return this.#check(MUTATION_ADD, states, args, options);
  }

  /** Whether a remove would be executed. */
  canRemove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: CheckOptions<N>,
  ): MutationResult<N> {
    return this.#check(MUTATION_REMOVE, states, args, options);
  }

  /**
   * Runs `run` between transitions, where nothing else happens: at once if none is running, else next,
   * before all that waits in the queue. Mutations made in it are queued. Resolves with what it returns,
   * rejects with what it throws, and with a {@linkcode MachineError} on a disposed machine.
   */
  eval<T>(run: () => T): Promise<Awaited<T>> {
    if (this.#status !== "live") {
      return Promise.reject(
        new MachineError("disposed", `Cannot run on machine "${this.id}": it is disposed`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#engine.evaluate(() => {
        try {
          resolve(run() as Awaited<T>);
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
  }

  /** The last error, kept also when `Exception` is removed or its mutation was canceled. */
  get err(): Error | undefined {
    return this.#err;
  }

  /** Grows with each appended mutation that is taken from the queue; starts at 1. */
  get queueTick(): number {
    return this.#engine.queue.tick;
  }

  /** Grows with each import. */
  get machineTick(): number {
    return this.#machineTick;
  }

  /** Mutations that wait, the next one first. */
  get queue(): readonly Mutation<N>[] {
    const waiting = this.#engine.queue.items.filter(({ evaluate }) => evaluate === undefined);
    return waiting as readonly Mutation[] as readonly Mutation<N>[];
  }

  /** Whether an add of exactly these states waits in the queue. */
  willBe(states: Names<N>): boolean {
    return this.#engine.queue.has(this.#prepare(MUTATION_ADD, states, undefined, undefined, true));
  }

  /** Whether a remove of exactly these states waits in the queue. */
  willBeRemoved(states: Names<N>): boolean {
    return this.#engine.queue.has(
      this.#prepare(MUTATION_REMOVE, states, undefined, undefined, true),
    );
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
    const id = options.id?.replace(/[^A-Za-z0-9\-_.]/g, "") ?? `handlers-${++this.#bindingNumber}`;
    const source = { handlers, id, prefix: options.prefix ?? "" };
    const binding = compileBinding(this.#schema, handlers, id, source.prefix);
    const isFirst = !this.#engine.hasBindings;
    this.#bound.push(source);
    this.#engine.bindings = [...this.#engine.bindings, binding];
    this.#engine.hasBindings = true;
    if (isFirst && this.isErr && this.#err !== undefined) this.addErr(this.#err);
    return () => {
      const place = this.#bound.indexOf(source);
      if (place < 0) return;
      this.#bound.splice(place, 1);
      this.#engine.bindings = this.#engine.bindings.filter((_, other) => other !== place);
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
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  // Waits that need the queue.

  /** Resolves when the state's final handlers have had their turn with these args (each equal by `===`). Never at once. */
  whenArgs(state: N, args: MutationArgs, options: WaitOptions = {}): Promise<void> {
    const index = this.toIndexes(state)[0]!;
    if (this.#status !== "live") return Promise.resolve();
    const promise = this.#argsWaits.add(index, args, options.signal);
    this.#engine.hasArgsWaits = this.#argsWaits.count > 0;
    return promise;
  }

  /** Resolves when a queued mutation has run, executed or not; at once for any other result. */
  whenQueue(result: MutationResult<N>): Promise<void> {
    const tick = result.result === "queued" ? result.queueTick : 0;
    if (tick <= this.queueTick || this.#status !== "live") return Promise.resolve();
    return new Promise((resolve) => this.#queueWaits.push({ tick, resolve }));
  }

  /** Resolves when the queue is drained; at once if nothing runs. */
  whenQueueEnd(): Promise<void> {
    if (!this.#engine.isRunning) return Promise.resolve();
    this.#queueEnd ??= Promise.withResolvers();
    return this.#queueEnd.promise;
  }

  /** Number of waits that are open. */
  get waitCount(): number {
    return this.waits.count + this.#argsWaits.count + this.#queueWaits.length;
  }

  /** How many transitions were resolved incrementally, at a cost that follows what they touch, and how many over the whole clock. */
  get resolverCounts(): { readonly incremental: number; readonly general: number } {
    return {
      incremental: this.#engine.resolution.incrementalCount,
      general: this.#engine.resolution.generalCount,
    };
  }

  // Schema, export, disposal.

  /**
   * Replaces the schema by a larger one; ticks of states that stay are kept, new states start at 0.
   * Throws {@linkcode MachineError} if it has not more states than now, contradicts itself, lacks a
   * state that a bound handler is for, if `states` is not exactly its states, or within a transition;
   * nothing changes then.
   */
  setSchema<M extends string>(schema: Schema<M>, states: readonly (M | typeof EXCEPTION)[]): void {
    if (this.#engine.isRunning)
      throw new MachineError("in_transition", "Cannot set the schema: a transition is running");
    const { schema: parsed, errors } = parseSchema(schema);
    const count = Object.keys(parsed).length;
    if (count <= this.names.length) {
      throw new MachineError(
        "invalid_schema",
        `Cannot set the schema: it has ${count} states, and must have more than ${this.names.length}`,
      );
    }
    if (errors.length > 0) throw errors[0]!;
    checkOrder(this.id, states, Object.keys(parsed));
    const old = this.#schema;
    const previous = new Map(old.names.map((name, index) => [name, old.topology[index]!]));
    const compiled = compileSchema(parsed, states, previous);
    // Throws for a handler of a state that is gone, before anything changes.
    const bindings = this.#bound.map(({ handlers, id, prefix }) =>
      compileBinding(compiled, handlers, id, prefix),
    );
    const toNew = (index: number) => compiled.indexByName.get(old.names[index]!) ?? -1;
    const ticks = states.map((name) => this.ticks[old.indexByName.get(name) ?? -1] ?? 0);
    const order = Int32Array.from(this.#engine.statesBefore(), toNew).filter((index) => index >= 0);
    const engine = new Engine(compiled, this.#tracers, this.#createHost());
    engine.importTicks(ticks);
    engine.active.reorder(order, order.length);
    engine.continueFrom(this.#engine);
    engine.bindings = bindings;
    this.#schema = compiled;
    this.#engine = engine;
    this.#seen = new Int32Array(states.length);
    this.waits.remap(toNew);
    this.#argsWaits.remap(toNew);
    engine.hasArgsWaits = this.#argsWaits.count > 0;
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
    if (this.#engine.isRunning)
      throw new MachineError("in_transition", "Cannot import a clock: a transition is running");
    const ticks = readExport(this, exported);
    const changed = Int32Array.from(this.names.keys()).filter(
      (index) => ticks[index] !== this.ticks[index],
    );
    this.#engine.importTicks(ticks);
    this.#machineTick = exported.machineTick + 1;
    this.abortSignals(changed, changed.length);
    this.emitClockChange(changed, changed.length);
    this.waits.processAll();
    if (this.indexOf("MachineRestored") >= 0) this.add("MachineRestored" as N);
  }

  /** Aborts when the machine is disposed. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get isDisposed(): boolean {
    return this.#status !== "live";
  }

  /** Calls `callback` during disposal, in the order of registration. What it throws becomes {@linkcode err} and stops no other. */
  onDispose(callback: () => void): void {
    this.#onDispose.push(callback);
  }

  /** Resolves when the machine is disposed. */
  whenDisposed(): Promise<void> {
    return this.#disposed.promise;
  }

  /**
   * Ends the machine: removes `Start` where there is one, waits for the queue, resolves all waits,
   * aborts all signals, drops the handlers. From then on mutations are canceled and no state is
   * active; names and schema stay readable.
   */
  async dispose(): Promise<void> {
    if (this.#status !== "live") return this.#disposed.promise;
    if (this.is("Start" as N)) this.remove("Start" as N);
    await this.whenQueueEnd();
    if (this.#status !== "live") return this.#disposed.promise;
    this.#status = "disposing";
    this.#tracers.each((tracer) => tracer.machineDisposed?.(this.#asMachine()));
    this.waits.close();
    this.#argsWaits.close();
    for (const { resolve } of this.#queueWaits.splice(0)) resolve();
    this.abortAllSignals();
    this.#engine.bindings = [];
    for (const callback of this.#onDispose) {
      try {
        callback();
      } catch (thrown) {
        this.#keepError(toError(thrown));
      }
    }
    this.#status = "disposed";
    this.#abort.abort();
    this.#disposed.resolve();
  }

  #disposeOnAbort(signal: AbortSignal): void {
    const dispose = () => void this.dispose();
    if (signal.aborted) dispose();
    else signal.addEventListener("abort", dispose, { once: true, signal: this.#abort.signal });
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
    this.#engine.queue.clear();
    this.addErr(error);
    this.#engine.backoffUntil = this.#options.now() + this.#options.handlerBackoffMs;
  }

  #createHost(): EngineHost {
    const options = this.#options;
    return {
      machine: this.#asMachine(),
      handlerTimeoutMs: options.handlerTimeoutMs,
      now: options.now,
      onTicksMoved: (changed, count) => this.abortSignals(changed, count),
      onTransitionEnd: (transition, changed, count) => {
        if (this.#changeListeners.size > 0) {
          const { timeBefore, timeAfter } = transition;
          for (const listener of this.#changeListeners) {
            try {
              listener(timeBefore, timeAfter);
            } catch (thrown) {
              this.listenerFailed(toError(thrown));
            }
          }
        }
        this.emitClockChange(changed, count);
        // A canceled one moves ticks only if it got as far as final handlers.
        if (transition.isAccepted || count > 0) this.waits.process(changed, count);
        if (this.#queueWaits.length > 0) this.#resolveQueueWaits();
      },
      onStateEntered: (state, args) => {
        if (this.#argsWaits.count > 0) this.#argsWaits.process(state, args);
        this.#engine.hasArgsWaits = this.#argsWaits.count > 0;
      },
      onQueueEnd: () => {
        this.#queueEnd?.resolve();
        this.#queueEnd = undefined;
      },
      onError: (error) => this.#keepError(error),
    };
  }

  #resolveQueueWaits(): void {
    const due = this.#queueWaits.filter(({ tick }) => tick <= this.queueTick);
    for (const wait of due) {
      this.#queueWaits.splice(this.#queueWaits.indexOf(wait), 1);
      wait.resolve();
    }
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

  /** The result that a mutation gets without being queued, if it does. */
  #refuse(heedsBackoff: boolean): MutationResult<never> | undefined {
    if (this.#status !== "live") return canceled("disposal of the machine");
    const { backoffUntil } = this.#engine;
    if (
      heedsBackoff &&
      backoffUntil > Number.NEGATIVE_INFINITY &&
      this.#options.now() < backoffUntil
    ) {
      return canceled("backoff after a handler's deadline");
    }
    return undefined;
  }

  #request(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    options: MutationOptions | undefined,
  ): MutationResult<N> {
    const engine = this.#engine;
    const refused = this.#refuse(kind !== MUTATION_SET);
    if (refused !== undefined) return refused;
    const mutation = this.#prepare(kind, states, args, options?.context, false);
    if (engine.queue.length >= this.#options.queueLimit && !this.#mayOverflow(kind, mutation)) {
      return canceled(`queue limit of ${this.#options.queueLimit}`);
    }
    if (
      kind === MUTATION_REMOVE &&
      engine.isRunning &&
      engine.queue.length === 0 &&
      !this.#callsActive(mutation)
    ) {
      return EXECUTED;
    }
    return engine.enqueue(mutation) as MutationResult<N>;
  }

  /** Errors get into a full queue, and out of it. */
  #mayOverflow(kind: MutationKind, mutation: QueuedMutation): boolean {
    const exception = this.indexOf(EXCEPTION);
    if (kind === MUTATION_SET || !mutation.isCalled(exception)) return false;
    return this.is(EXCEPTION as N) === (kind === MUTATION_REMOVE);
  }

  #callsActive(mutation: QueuedMutation): boolean {
    const { isActive } = this.#engine.active;
    return mutation.called.subarray(0, mutation.calledCount).some((state) => isActive[state] === 1);
  }

  #check(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    options: CheckOptions<N> | undefined,
  ): MutationResult<N> {
    const refused = this.#refuse(true);
    if (refused !== undefined) {
      options?.onResult?.(refused);
      return refused;
    }
    const mutation = this.#prepare(kind, states, args, options?.context, false);
    mutation.isCheck = true;
    mutation.onResult = options?.onResult as QueuedMutation["onResult"];
    return this.#engine.prepend(mutation) as MutationResult<N>;
  }

  #prepare(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    context: unknown,
    isProbe: boolean,
  ): QueuedMutation {
    const isOne = typeof states === "string";
    const mutation = this.#engine.prepare(isOne ? 1 : states.length, isProbe);
    const { called } = mutation;
    mutation.kind = kind;
    if (args !== undefined) mutation.args = args as MutationArgs;
    if (context !== undefined) mutation.context = context;
    if (isOne) {
      called[0] = this.#indexOrThrow(states);
      mutation.calledCount = 1;
      return mutation;
    }
    const seen = this.#seen;
    const number = ++this.#seenNumber;
    let count = 0;
    for (let i = 0; i < states.length; i++) {
      const index = this.#indexOrThrow(states[i]!);
      if (seen[index] === number) continue;
      seen[index] = number;
      called[count++] = index;
    }
    mutation.calledCount = count;
    return mutation;
  }

  #indexOrThrow(name: N): number {
    const index = this.#schema.indexByName.get(name);
    if (index === undefined) throw unknownState(this, name);
    return index;
  }
}

function canceled(by: string): MutationResult<never> {
  return { result: "canceled", rejected: { by } };
}

function messagesOf(errors: readonly Error[]): string {
  return errors.map(({ message }) => message).join("; ");
}
