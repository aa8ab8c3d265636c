/**
 * What code outside the machine sees: the machine, its transitions, and what handlers and tracers
 * receive. These interfaces name each other, so they share one file; it contains no code.
 */

import type { CallOptions, ServedCalls } from "./calls.ts";
import type { ClockView, Names, WaitOptions } from "./clock_view.ts";
import type { MachineExport } from "./machine_export.ts";
import type {
  AddParams,
  ArgsFor,
  CheckOptions,
  Mutation,
  MutationArgs,
  MutationOptions,
  MutationResult,
  MutationSource,
  MutationType,
  Rejection,
} from "./mutation.ts";
import type { EXCEPTION, Schema } from "./schema.ts";

/** A state machine, made by `createMachine()`. `N` are its state names, `A` the args of its states. */
export interface Machine<N extends string = string, A = unknown> extends ClockView<N> {
  /** The same machine with typed args: `createMachine(schema).withArgs<{ Delayed: { minutes: number } }>()`. */
  withArgs<T extends { [K in N]?: object }>(): Machine<N, T>;

  // Mutations.

  /**
   * Activates states, along with the states they imply; deactivates the states they remove. Outside a
   * transition the mutation runs at once, with everything that follows from it, and returns its outcome;
   * within a transition it is queued. Throws `MachineError` for an unknown state.
   */
  add<S extends N>(states: Names<S>, ...params: AddParams<A, S>): MutationResult<N>;

  /** Deactivates states, and the states that require them. */
  remove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N>;

  /** Activates these states and deactivates all others. */
  set<S extends N>(states: Names<S>, ...params: AddParams<A, S>): MutationResult<N>;

  /** Removes the states if all of them are active, otherwise adds them. */
  toggle<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: MutationOptions,
  ): MutationResult<N>;

  /**
   * Adds `Exception`, and `state` where the error has its own state, with `{ error }` among the args.
   * Keeps the error as {@linkcode err} even if the mutation is canceled. An `AbortError` does not count as an error.
   */
  addErr(
    error: unknown,
    state?: N,
    args?: MutationArgs,
    options?: MutationOptions,
  ): MutationResult<N>;

  /**
   * Whether an add would be executed, according to the relations and negotiation handlers; changes nothing.
   * Within a transition the check goes to the front of the queue, and `options.onResult` receives its result.
   */
  canAdd<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: CheckOptions<N>,
  ): MutationResult<N>;

  /** Whether a remove would be executed; otherwise like {@linkcode canAdd}. */
  canRemove<S extends N>(
    states: Names<S>,
    args?: ArgsFor<A, S>,
    options?: CheckOptions<N>,
  ): MutationResult<N>;

  /**
   * Runs `run` between transitions: at once if none is running, otherwise before everything in the
   * queue. Mutations made by `run` are queued. Resolves with what `run` returns; rejects with what it
   * throws, and with a `MachineError` on a disposed machine.
   */
  eval<T>(run: () => T): Promise<Awaited<T>>;

  // The queue and the last error.

  /** Whether a transition, or a function given to {@linkcode eval}, is running: a mutation made now is queued. */
  readonly isRunning: boolean;
  /** The transition that is running; undefined between transitions. */
  readonly transition: Transition<N> | undefined;
  /** The last error; kept when `Exception` is removed or its mutation was canceled. */
  readonly err: Error | undefined;
  /** Number of imports so far. */
  readonly machineTick: number;
  /** Grows by 1 with each appended mutation taken from the queue; starts at 1. */
  readonly queueTick: number;
  /** Mutations in the queue, the next one first. */
  readonly queue: readonly Mutation<N>[];
  /** Whether an add of exactly these states is in the queue. */
  willBe(states: Names<N>): boolean;
  /** Whether a remove of exactly these states is in the queue. */
  willBeRemoved(states: Names<N>): boolean;
  /** Whether a mutation of this type that names at least these states is in the queue, with or without args. */
  isQueued(type: MutationType, states: Names<N>): boolean;
  /**
   * Whether the queue leaves all of `states` active: for each the last queued mutation that names it decides, and
   * without one, whether it is active now. Relations and handlers may decide otherwise.
   */
  willBeActive(states: Names<N>): boolean;
  /** How many transitions each resolver served: the incremental one costs what it touches, the general one visits all active states. */
  readonly resolverCounts: { readonly incremental: number; readonly general: number };

  // Waits, besides those for the clock.

  /** Resolves after the next turn of the state's final handlers with these args, each equal by `===`. Never resolves at once. */
  whenArgs<S extends N>(
    state: S,
    args: Partial<ArgsFor<A, S>>,
    options?: WaitOptions,
  ): Promise<void>;
  /** Resolves when a queued mutation has run, executed or not; at once for any other result. */
  whenQueue(result: MutationResult<N>): Promise<void>;
  /** Resolves when the queue is drained; at once if nothing is running. */
  whenQueueEnd(): Promise<void>;
  /** Number of open waits. */
  readonly waitCount: number;

  // Handlers and tracers.

  /**
   * Binds a set of handlers after the existing ones. Returns a function that removes it. Throws
   * `MachineError` for a handler whose name fits no state.
   * If `Exception` is active at the first binding, its error is added again so that the handlers see it.
   */
  handle(handlers: Handlers<N, A>, options?: BindOptions): () => void;
  /** Like {@linkcode handle}, for handlers whose names are known only at run time. */
  bind(handlers: Readonly<Record<string, unknown>>, options?: BindOptions): () => void;
  /** The bound sets of handlers, in the order of their calls. */
  readonly bindings: readonly BoundHandlers[];
  /** Attaches a tracer. Returns a function that removes it. */
  trace(tracer: Tracer): () => void;
  readonly tracers: readonly Tracer[];
  /**
   * Calls `listener` with all ticks before and after each transition, canceled ones included, checks
   * excluded. An error that it throws becomes {@linkcode err}. Returns a function that removes it.
   */
  onChange(listener: (before: readonly number[], after: readonly number[]) => void): () => void;

  // Calls.

  /**
   * Serves named functions, to {@linkcode call} and to remote machines. Returns a function that removes them.
   * Throws `MachineError`, and serves none of them, for a bad or taken name.
   */
  serve(calls: ServedCalls): () => void;
  /** Runs a served function. Rejects with what it throws, and with `MachineError` for an unknown name. */
  call(name: string, args?: unknown, options?: CallOptions): Promise<unknown>;
  /** Names of the served functions. */
  readonly servedCalls: readonly string[];

  /** Calls `listener` with every error, including one whose mutation is canceled. Returns a function that removes it. */
  onError(listener: (error: Error) => void): () => void;

  // Schema, export, disposal.

  /**
   * Replaces the schema with a larger one: existing states keep their ticks, new states start at 0.
   * Throws `MachineError`, and changes nothing, if the schema does not have more states than now,
   * contradicts itself or lacks a state with a bound handler, if `states` does not list exactly its
   * states, or within a transition.
   */
  setSchema<M extends string>(schema: Schema<M>, states: readonly (M | typeof EXCEPTION)[]): void;
  /** The clock, for a later {@linkcode import}. */
  export(): MachineExport;
  /**
   * Takes over the ticks and active states of an exported clock; keeps the queue tick. Resolves the waits that
   * the new clock satisfies, then adds the state `MachineRestored` if there is one.
   * Throws `MachineError` for the clock of another machine or of other states, and within a transition.
   */
  import(exported: MachineExport): void;
  readonly isDisposed: boolean;
  /** Aborts when the machine is disposed. */
  readonly signal: AbortSignal;
  /** Calls `callback` during disposal, in the order of registration. An error that it throws becomes {@linkcode err}. */
  onDispose(callback: () => void): void;
  /** Resolves when the machine is disposed. */
  whenDisposed(): Promise<void>;
  /**
   * Ends the machine: removes `Start` if there is one, waits for the queue, resolves all waits, aborts
   * all signals and drops the handlers. Afterwards mutations are canceled, no state is active or has an index,
   * the time is empty, and no comparison with the clock holds; names and schema stay readable.
   */
  dispose(): Promise<void>;
}

/** Before the ticks move, or after. */
export type TransitionPhase = "negotiation" | "final";

/**
 * The run of one mutation. A machine reuses one object for all its transitions: use it only during the
 * call of a hook. Names and times are computed when read.
 */
export interface Transition<N extends string = string> {
  /** `<machine id>-<number>`. */
  readonly id: string;
  /** Counts the machine's transitions from 1. */
  readonly number: number;
  readonly machine: Machine<N>;
  readonly mutation: Mutation<N>;
  readonly phase: TransitionPhase;
  /** Whether the relations, and the handlers so far, accept it. */
  readonly isAccepted: boolean;
  /** Whether no more handlers are called: one has thrown, or all have had their turn. */
  readonly isHandlingOver: boolean;
  /** Whether further handlers are called: accepted, and handling is not over. */
  readonly isValid: boolean;
  /** Why it is canceled; undefined unless it is. */
  readonly rejected: Rejection<N> | undefined;
  readonly isCanceled: boolean;
  /** Mutations in the queue behind it. */
  readonly queueLength: number;
  /** Sum of all ticks before and after; equal if no tick moved. */
  readonly timeSumBefore: number;
  readonly timeSumAfter: number;
  /** States that activate or are called again, in the target's order. */
  readonly enters: N[];
  /** States that deactivate, in handler order. */
  readonly exits: N[];
  /** Indexes of the states whose ticks move, the entering ones first. */
  readonly changedIndexes: Int32Array;
  /** States that are active after it, in their order; until the ticks move, those that would be. */
  readonly targetStates: N[];
  /** States that were active before it: during negotiation in their order, later in index order. */
  readonly statesBefore: N[];
  /** All ticks before it, in index order. */
  readonly timeBefore: number[];
  /** All ticks after it, in index order; until the ticks move, what they would be. Equals {@linkcode timeBefore} for a check or a transition canceled before its ticks moved. */
  readonly timeAfter: number[];
}

/**
 * Receives what happens in a machine. All hooks are optional; a hook that no tracer implements costs
 * nothing. Hooks run within the machine's own run: mutations made in them are queued, and an error
 * thrown in one becomes the machine's `err` without affecting the transition.
 * A {@linkcode Transition} and its {@linkcode Mutation} are valid only during the call.
 */
export interface Tracer {
  /** A mutation entered the queue: appended, or put in front (auto, check, error of a handler). */
  mutationQueued?(machine: Machine, mutation: Mutation): void;
  /** The relations have accepted or canceled the mutation; no handler has run. */
  transitionStart?(transition: Transition): void;
  /** Before and after every matching handler, including one that is skipped because handling is over. */
  handlerStart?(transition: Transition, bindingId: string, handler: string): void;
  handlerEnd?(transition: Transition, bindingId: string, handler: string): void;
  /** The ticks have moved; final handlers come next. Not called for checks or canceled transitions. */
  transitionFinals?(transition: Transition): void;
  transitionEnd?(transition: Transition): void;
  /** The queue is drained. */
  queueEnd?(machine: Machine): void;
  /** The index order was set. */
  statesVerified?(machine: Machine): void;
  /** The schema was replaced. */
  schemaChanged?(machine: Machine): void;
  /** A machine was made with this one as its `parent`. */
  submachineCreated?(parent: Machine, child: Machine): void;
  /** Disposal has begun. */
  machineDisposed?(machine: Machine): void;
}

/** One call of a handler. An async handler may keep it. */
export interface HandlerEvent<N extends string = string, T = MutationArgs, A = unknown> {
  /** The handler's name, such as `ReadyEnter`. */
  readonly name: string;
  readonly machine: Machine<N, A>;
  /** The state that the handler is for; the second state of a pair; undefined for `Any…`. */
  readonly state: N | undefined;
  /** The mutation's args: one record for all its handlers, which may write to it. */
  readonly args: T | undefined;
  readonly mutationType: MutationType;
  /** The mutation's `context`, to be passed on with mutations that follow from it. */
  readonly context: unknown;
  /** What caused the mutation; undefined for one from outside. */
  readonly source: MutationSource | undefined;
  /** Whether the transition is a check by `canAdd` or `canRemove`: nothing will change. */
  readonly isCheck: boolean;
  readonly transitionId: string;
  /** Whether the transition is still running and not canceled. */
  readonly isValid: boolean;
  /**
   * Aborts when the state's tick moves, to end work that outlives the handler's call; already aborted if
   * read after that. For `Any…` handlers it aborts when the machine is disposed.
   */
  readonly signal: AbortSignal;
}

type ArgsOf<A, S> = S extends keyof A ? A[S] : Record<string, unknown>;

/** Runs before anything changes, and vetoes the transition by returning `false`. Must not be async. */
export type NegotiationHandler<
  N extends string = string,
  T = Record<string, unknown>,
  A = unknown,
> = (event: HandlerEvent<N, T, A>) => boolean | undefined | void;

/** Runs after the ticks moved. An async handler's error is added to the machine, or only kept as its `err` if the event's signal has aborted. */
export type FinalHandler<N extends string = string, T = Record<string, unknown>, A = unknown> = (
  event: HandlerEvent<N, T, A>,
) => void | Promise<void>;

/**
 * A set of handlers: `FooEnter` and `FooExit` (negotiation), `FooState` and `FooEnd` (final), `AnyEnter`
 * and `AnyState` (every transition). Pairs of states negotiate as well: `Foo: { Bar() {…} }` runs when Foo is
 * active and Bar is in the target, `Foo: { Foo() {…} }` when Foo is active and stays active.
 */
export type Handlers<N extends string = string, A = unknown> = {
  readonly [K in N as `${K}Enter` | `${K}Exit`]?: NegotiationHandler<N, ArgsOf<A, K>, A>;
} & {
  readonly [K in N as `${K}State` | `${K}End`]?: FinalHandler<N, ArgsOf<A, K>, A>;
} & {
  readonly [K in N]?: { readonly [T in N]?: NegotiationHandler<N, Record<string, unknown>, A> };
} & {
  readonly AnyEnter?: NegotiationHandler<N, Record<string, unknown>, A>;
  readonly AnyState?: FinalHandler<N, Record<string, unknown>, A>;
};

/** A set of handlers, as {@linkcode Machine.bindings} lists it. */
export interface BoundHandlers {
  readonly id: string;
  /** Names of its handlers, such as `ReadyState`. */
  readonly names: readonly string[];
}

export interface BindOptions {
  /** Names the binding for tracers. Default: `handlers-1`, `handlers-2`, … */
  readonly id?: string;
  /** Binds only handlers whose name starts with the prefix, and strips it: for one object that serves several machines. */
  readonly prefix?: string;
}
