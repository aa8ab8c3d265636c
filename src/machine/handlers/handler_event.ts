/** The event that the engine passes to a handler. */

import type { HandlerEvent, Machine, Transition } from "../machine.ts";
import type { MutationArgs, MutationSource, MutationType } from "../mutation.ts";

export class EngineHandlerEvent implements HandlerEvent {
  readonly name: string;
  readonly machine: Machine;
  readonly state: string | undefined;
  readonly args: MutationArgs | undefined;
  readonly mutationType: MutationType;
  readonly context: unknown;
  readonly source: MutationSource | undefined;
  readonly isCheck: boolean;
  readonly #transition: Transition;
  /** The transition's number and the state's tick when the handler is called: the transition object is reused. */
  readonly #number: number;
  readonly #tick: number;

  constructor(name: string, state: string | undefined, tick: number, transition: Transition) {
    const { mutation } = transition;
    this.name = name;
    this.machine = transition.machine;
    this.state = state;
    this.#transition = transition;
    this.#number = transition.number;
    this.#tick = tick;
    this.args = mutation.args;
    this.mutationType = mutation.type;
    this.context = mutation.context;
    this.source = mutation.source;
    this.isCheck = mutation.isCheck;
  }

  get transitionId(): string {
    return `${this.machine.id}-${this.#number}`;
  }

  get isValid(): boolean {
    return this.#transition.number === this.#number && this.#transition.isValid;
  }

  get signal(): AbortSignal {
    const { machine, state } = this;
    if (state === undefined || machine.isDisposed) return machine.signal;
    const isCurrent = machine.indexOf(state) >= 0 && machine.tick(state) === this.#tick;
    return isCurrent ? machine.stateSignal(state) : AbortSignal.abort();
  }
}
