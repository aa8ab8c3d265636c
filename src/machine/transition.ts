/** A transition: the run of one mutation, as handlers and tracers see it. */

import type { Machine } from "./machine.ts";
import type { Mutation, QueuedMutation, Rejection } from "./mutation.ts";
import type { Plan } from "./plan.ts";

/** What {@linkcode Transition} asks of the engine that runs it. */
export interface TransitionSource {
  readonly machine: Machine;
  readonly names: readonly string[];
  readonly plan: Plan;
  readonly ticks: Float64Array;
  /** Active states before the ticks move, in their order; valid until then. */
  statesBefore(): Int32Array;
  /** The target in its order. */
  target(): Int32Array;
  sortExits(): void;
}

/** Whether the ticks have moved. */
export type TransitionPhase = "negotiation" | "final";

/**
 * One object per machine, written anew for each transition: valid during a hook's call only. What
 * takes work, such as names and times, is made when asked for.
 */
export class Transition<N extends string = string> {
  readonly #source: TransitionSource;
  /** Counts the machine's transitions from 1. */
  number = 0;
  mutation!: Mutation<N>;
  phase: TransitionPhase = "negotiation";
  /** Whether the relations, and so far the handlers, let it happen. */
  isAccepted = false;
  isCompleted = false;
  /** Why it is canceled; undefined as long as it is not. */
  rejected: Rejection<N> | undefined = undefined;
  /** Mutations that wait behind it. */
  queueLength = 0;
  /** Sum of all ticks before and after; equal if no tick moved. */
  timeSumBefore = 0;
  timeSumAfter = 0;
  // Kept when a rollback moves ticks again: the transition goes on showing what it did.
  #frozen: { readonly before: number[]; readonly after: number[] } | undefined = undefined;

  constructor(source: TransitionSource) {
    this.#source = source;
  }

  /** For the engine: starts over for the next mutation. */
  begin(mutation: QueuedMutation, queueLength: number, timeSum: number): void {
    this.number++;
    this.mutation = mutation as unknown as Mutation<N>;
    this.phase = "negotiation";
    this.isAccepted = false;
    this.isCompleted = false;
    this.rejected = undefined;
    this.queueLength = queueLength;
    this.timeSumBefore = timeSum;
    this.timeSumAfter = timeSum;
    this.#frozen = undefined;
  }

  /** For the engine: keeps the times as they are, before a rollback. */
  freeze(): void {
    this.#frozen ??= { before: this.timeBefore, after: this.timeAfter };
  }

  /** `<machine id>-<number>`. */
  get id(): string {
    return `${this.#source.machine.id}-${this.number}`;
  }

  get machine(): Machine<N> {
    return this.#source.machine as unknown as Machine<N>;
  }

  /** Whether handlers are still run for it. */
  get isValid(): boolean {
    return this.isAccepted && !this.isCompleted;
  }

  get isCanceled(): boolean {
    return this.rejected !== undefined;
  }

  /** States that activate, or are called again, in the target's order. */
  get enters(): N[] {
    const { plan } = this.#source;
    return this.#toNames(plan.enters, plan.enterCount);
  }

  /** States that deactivate. */
  get exits(): N[] {
    this.#source.sortExits();
    const { plan } = this.#source;
    return this.#toNames(plan.exits, plan.exitCount);
  }

  /** Indexes of the states whose ticks move, the entering first; valid during the call only. */
  get changedIndexes(): Int32Array {
    const { plan } = this.#source;
    const changed = new Int32Array(plan.changeCount);
    changed.set(plan.enters.subarray(0, plan.enterCount));
    changed.set(plan.exits.subarray(0, plan.exitCount), plan.enterCount);
    return changed;
  }

  /** Active states after it, were it to happen, in their order. */
  get targetStates(): N[] {
    return this.phase === "final"
      ? this.machine.activeStates()
      : this.#toNames(this.#source.target());
  }

  /** Active states before it, in their order, while it negotiates; once the ticks have moved, in index order. */
  get statesBefore(): N[] {
    if (this.phase === "negotiation") return this.#toNames(this.#source.statesBefore());
    const before = this.timeBefore;
    return this.#source.names.filter((_, i) => before[i]! % 2 === 1) as N[];
  }

  /** All ticks before it, in index order. */
  get timeBefore(): number[] {
    return this.#frozen?.before ?? this.#time(this.phase === "final" ? -1 : 0);
  }

  /** All ticks after it, in index order; of a check or a canceled transition those before. Until the ticks move, what they would be. */
  get timeAfter(): number[] {
    const changes =
      this.phase === "negotiation" && !this.mutation.isCheck && this.rejected === undefined;
    return this.#frozen?.after ?? this.#time(changes ? 1 : 0);
  }

  /** The ticks as they are, plus (or minus) what this transition adds. */
  #time(sign: -1 | 0 | 1): number[] {
    const { plan, ticks } = this.#source;
    const time: number[] = [];
    for (let i = 0; i < ticks.length; i++) time.push(ticks[i]!);
    if (sign === 0) return time;
    const before = (index: number) => (sign === -1 ? this.#tickBefore(index) : ticks[index]!);
    for (let i = 0; i < plan.enterCount; i++) {
      const index = plan.enters[i]!;
      if (sign === -1) time[index] = before(index);
      else time[index]! += ticks[index]! % 2 === 1 ? 2 : 1;
    }
    for (let i = 0; i < plan.exitCount; i++) time[plan.exits[i]!]! += sign;
    return time;
  }

  #tickBefore(index: number): number {
    const { plan, ticks } = this.#source;
    const place = plan.enters.subarray(0, plan.enterCount).indexOf(index);
    return ticks[index]! - (plan.reentered[place] === 1 ? 2 : 1);
  }

  #toNames(indexes: Int32Array, count = indexes.length): N[] {
    const { names } = this.#source;
    const list: string[] = [];
    for (let i = 0; i < count; i++) list.push(names[indexes[i]!]!);
    return list as N[];
  }
}
