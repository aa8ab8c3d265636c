/** What a handler is given. */

import type { Machine } from "./machine.ts";
import type { MutationArgs, MutationType } from "./mutation.ts";
import type { Transition } from "./transition.ts";

/** One call of a handler. May be kept by async handlers. */
export class HandlerEvent<N extends string = string, T = MutationArgs> {
  /** The handler's name, such as `ReadyEnter`. */
  readonly name: string;
  readonly machine: Machine<N>;
  /** The state that the handler is for; the target's state of a pair; undefined for `Any…`. */
  readonly state: N | undefined;
  /** Of the mutation; one record for all its handlers, who may write to it. */
  readonly args: T | undefined;
  readonly mutationType: MutationType;
  /** What came with the mutation as its `context`; to be handed on with mutations that follow from it. */
  readonly context: unknown;
  /** Whether nothing will change: the transition is a dry run by `canAdd` or `canRemove`. */
  readonly isCheck: boolean;
  readonly #transition: Transition;
  readonly #number: number;
  readonly #tick: number;

  /** `tick` is the state's when the handler is called. */
  constructor(
    name: string,
    machine: Machine<N>,
    state: N | undefined,
    tick: number,
    transition: Transition,
  ) {
    this.name = name;
    this.machine = machine;
    this.state = state;
    this.#transition = transition;
    this.#number = transition.number;
    this.#tick = tick;
    this.args = transition.mutation.args as T | undefined;
    this.mutationType = transition.mutation.type;
    this.context = transition.mutation.context;
    this.isCheck = transition.mutation.isCheck;
  }

  /** Id of the transition that called the handler. */
  get transitionId(): string {
    return `${this.machine.id}-${this.#number}`;
  }

  /** Whether the transition is still the one under way, and not canceled. */
  get isValid(): boolean {
    return this.#transition.number === this.#number && this.#transition.isValid;
  }

  /**
   * Aborts when the state's tick moves, for work that goes on after the handler; aborted from the start
   * for who asks when it has. Of `Any…` handlers, when the machine is disposed.
   */
  get signal(): AbortSignal {
    const { machine, state } = this;
    if (state === undefined || machine.isDisposed) return machine.signal;
    const isNow = machine.indexOf(state) >= 0 && machine.tick(state) === this.#tick;
    return isNow ? machine.stateSignal(state) : AbortSignal.abort();
  }
}
