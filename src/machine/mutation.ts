/** Mutations: requests to change states, what comes of them, and why they are canceled. */

export type MutationKind = 0 | 1 | 2;
export const MUTATION_ADD = 0;
export const MUTATION_REMOVE = 1;
export const MUTATION_SET = 2;

export const MUTATION_TYPES = ["add", "remove", "set"] as const;
export type MutationType = (typeof MUTATION_TYPES)[number];

/** Free values that go with a mutation; handlers share one record and may write to it. */
export type MutationArgs = Record<string, unknown>;

export interface MutationOptions {
  /** Opaque to the machine: what a tracer needs to tie the transition to its cause. */
  readonly context?: unknown;
}

/** Options of a check. */
export interface CheckOptions<N extends string = string> extends MutationOptions {
  /** Called with the answer: of a check made from within a transition, which is queued, it comes later. */
  readonly onResult?: (result: MutationResult<N>) => void;
}

/** Why a mutation was canceled. */
export interface Rejection<N extends string = string> {
  /** The called state that could not be had, where there is one. */
  readonly state?: N;
  /** `relation Remove of X`, `relation Require of Y, X is missing`, `handler XEnter`, `error in handler XState`, … */
  readonly by: string;
}

/** What a mutation came to. */
export type MutationResult<N extends string = string> =
  | { readonly result: "executed" }
  | { readonly result: "canceled"; readonly rejected: Rejection<N> }
  /** Made from within a transition, it runs later: as the mutation that moves the queue to this tick; 0 for one that runs next. */
  | { readonly result: "queued"; readonly queueTick: number };

/** The one result of every executed mutation. */
export const EXECUTED: MutationResult<never> = Object.freeze({ result: "executed" });

/** One mutation in the queue, as tracers see it. */
export interface Mutation<N extends string = string> {
  readonly type: MutationType;
  /** The called states, each once, in the caller's order. */
  readonly states: readonly N[];
  readonly args: MutationArgs | undefined;
  readonly context: unknown;
  /** Made by the machine to activate auto states. */
  readonly isAuto: boolean;
  /** A dry run by `canAdd` or `canRemove`: nothing changes. */
  readonly isCheck: boolean;
  /** The queue tick on which it runs; 0 for those put in front of the queue (auto, check, recovered error). */
  readonly queueTick: number;
}

/** The machine's own form of {@linkcode Mutation}: `states` is derived only if somebody looks. */
export class QueuedMutation implements Mutation {
  readonly #names: readonly string[];
  kind: MutationKind = MUTATION_ADD;
  /** Called state indexes, the first {@linkcode calledCount} of them. */
  called: Int32Array;
  calledCount = 0;
  args: MutationArgs | undefined = undefined;
  context: unknown = undefined;
  isAuto = false;
  isCheck = false;
  /** Adds the error of an auto transition's handler. */
  isFromAuto = false;
  queueTick = 0;
  /** Of a check: takes its answer. */
  onResult: ((result: MutationResult) => void) | undefined = undefined;
  /** Stands in the queue for a function that runs between transitions; there are no states then. */
  evaluate: (() => void) | undefined = undefined;

  constructor(names: readonly string[], called: Int32Array) {
    this.#names = names;
    this.called = called;
  }

  get type(): MutationType {
    return MUTATION_TYPES[this.kind];
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

/** The args of a mutation: those of its states, all of them optional where there are several. */
export type ArgsFor<A, S extends string> = unknown extends A
  ? MutationArgs
  : S extends keyof A
    ? A[S]
    : MutationArgs;
