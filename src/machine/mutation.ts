/** Mutations: requests to change states, their results, and why they are canceled. */

export type MutationKind = 0 | 1 | 2;
export const MUTATION_ADD = 0;
export const MUTATION_REMOVE = 1;
export const MUTATION_SET = 2;

export const MUTATION_TYPES = ["add", "remove", "set"] as const;
export type MutationType = (typeof MUTATION_TYPES)[number];

/** Values passed along with a mutation; all its handlers share the record and may write to it. */
export type MutationArgs = Record<string, unknown>;

/** What caused a mutation: a transition, of the same machine or of another one. */
export interface MutationSource {
  readonly machineId: string;
  /** As in `Transition.id`. */
  readonly transitionId: string;
  /** Sum of the ticks of that machine when the transition made the mutation. */
  readonly timeSum: number;
}

export interface MutationOptions {
  /** What caused the mutation. Default: the machine's own transition that is running, if there is one. */
  readonly source?: MutationSource | undefined;
  /** Opaque to the machine: lets a tracer tie the transition to its cause. */
  readonly context?: unknown;
}

/** Options of a check. */
export interface CheckOptions<N extends string = string> extends MutationOptions {
  /** Receives the result; later, if the check is made within a transition and therefore queued. */
  readonly onResult?: (result: MutationResult<N>) => void;
}

/** Why a mutation was canceled. */
export interface Rejection<N extends string = string> {
  /** The called state that cannot activate, or the state that the handler is for; absent if neither applies. */
  readonly state?: N;
  /** `relation Remove of X`, `relation Require of Y, X is missing`, `handler XEnter`, `error in handler XState`, … */
  readonly by: string;
}

/** The outcome of a mutation. */
export type MutationResult<N extends string = string> =
  | { readonly result: "executed" }
  | { readonly result: "canceled"; readonly rejected: Rejection<N> }
  /** Made within a transition: runs when the queue reaches this tick; 0 if it runs next. */
  | { readonly result: "queued"; readonly queueTick: number };

/** The result of every executed mutation. */
export const EXECUTED: MutationResult<never> = Object.freeze({ result: "executed" });

/** One mutation in the queue, as tracers see it. */
export interface Mutation<N extends string = string> {
  readonly type: MutationType;
  /** The called states, each once, in the caller's order. */
  readonly states: readonly N[];
  readonly args: MutationArgs | undefined;
  readonly context: unknown;
  /** What caused it; undefined for one from outside. */
  readonly source: MutationSource | undefined;
  /** Made by the machine to activate auto states. */
  readonly isAuto: boolean;
  /** A dry run by `canAdd` or `canRemove`: changes nothing. */
  readonly isCheck: boolean;
  /** The queue tick on which it runs; 0 if it was put in front of the queue (auto, check, error of a handler). */
  readonly queueTick: number;
}

/** The machine's form of {@linkcode Mutation}, with state indexes; `states` is computed when read. */
export class QueuedMutation implements Mutation {
  readonly #names: readonly string[];
  readonly #machineId: string;
  /** The source given by the caller, or the one computed from the fields below. */
  givenSource: MutationSource | undefined = undefined;
  /** Number of the machine's own transition that caused it, 0 for none, and the sum of the ticks then. */
  causeNumber = 0;
  causeTimeSum = 0;
  kind: MutationKind = MUTATION_ADD;
  /** Called state indexes, the first {@linkcode calledCount} of them. */
  called: Int32Array;
  calledCount = 0;
  args: MutationArgs | undefined = undefined;
  context: unknown = undefined;
  isAuto = false;
  isCheck = false;
  /** Whether it adds the error of an auto transition's handler. */
  isFromAuto = false;
  queueTick = 0;
  /** Receives the result of a check. */
  onResult: ((result: MutationResult) => void) | undefined = undefined;
  /** A function to run between transitions instead of a mutation; there are no called states then. */
  evaluate: (() => void) | undefined = undefined;

  constructor(names: readonly string[], called: Int32Array, machineId: string) {
    this.#names = names;
    this.#machineId = machineId;
    this.called = called;
  }

  get type(): MutationType {
    return MUTATION_TYPES[this.kind];
  }

  get source(): MutationSource | undefined {
    if (this.givenSource === undefined && this.causeNumber > 0) {
      const machineId = this.#machineId;
      const transitionId = `${machineId}-${this.causeNumber}`;
      this.givenSource = { machineId, transitionId, timeSum: this.causeTimeSum };
    }
    return this.givenSource;
  }

  /** Makes the machine's own transition its source; 0 for none. */
  causedBy(transitionNumber: number, timeSum: number): void {
    this.givenSource = undefined;
    this.causeNumber = transitionNumber;
    this.causeTimeSum = timeSum;
  }

  get states(): readonly string[] {
    const states: string[] = [];
    for (let i = 0; i < this.calledCount; i++) states.push(this.#names[this.called[i]!]!);
    return states;
  }

  isCalled(state: number): boolean {
    for (let i = 0; i < this.calledCount; i++) if (this.called[i] === state) return true;
    return false;
  }
}

/**
 * The parameters of an add or set after its states. Args with a required property must be given, unless
 * `A` names the state as optional (`{ Open?: { who: string } }`) or a called state has no such args.
 */
export type AddParams<A, S extends string, O = MutationOptions> =
  IsOmittable<ArgsFor<A, S>> extends true
    ? [args?: ArgsFor<A, S> | undefined, options?: O | undefined]
    : [args: ArgsFor<A, S>, options?: O | undefined];

type IsOmittable<T> = undefined extends T ? true : Record<never, never> extends T ? true : false;

/** The args of a mutation of the states `S`: typed if it is one state whose args `A` names. */
export type ArgsFor<A, S extends string> = unknown extends A
  ? MutationArgs
  : S extends keyof A
    ? A[S]
    : MutationArgs;
