/** The engine's transition: what {@linkcode Transition} shows, computed from the plan and the ticks when read. */

import type { Machine, Transition, TransitionPhase } from "../machine.ts";
import type { Mutation, QueuedMutation, Rejection } from "../mutation.ts";
import type { Plan } from "../resolver/plan.ts";
import type { Resolution } from "../resolver/resolution.ts";

/** One object per engine, written again for each transition. Only the engine and its phases write to it. */
export class EngineTransition implements Transition {
  readonly machine: Machine;
  readonly #names: readonly string[];
  readonly #ticks: Float64Array;
  readonly #plan: Plan;
  readonly #resolution: Resolution;
  /** Whether it has begun and not ended. */
  isRunning = false;
  number = 0;
  mutation!: Mutation;
  phase: TransitionPhase = "negotiation";
  isAccepted = false;
  isHandlingOver = false;
  rejected: Rejection | undefined = undefined;
  queueLength = 0;
  timeSumBefore = 0;
  timeSumAfter = 0;
  /** The times as they were before a rollback moved ticks again, so that the transition still shows what it did. */
  #frozen: { readonly before: number[]; readonly after: number[] } | undefined = undefined;

  constructor(
    machine: Machine,
    names: readonly string[],
    ticks: Float64Array,
    plan: Plan,
    resolution: Resolution,
  ) {
    this.machine = machine;
    this.#names = names;
    this.#ticks = ticks;
    this.#plan = plan;
    this.#resolution = resolution;
  }

  /** Starts over for the next mutation. */
  begin(mutation: QueuedMutation, queueLength: number, timeSum: number): void {
    this.isRunning = true;
    this.number++;
    this.mutation = mutation;
    this.phase = "negotiation";
    this.isAccepted = false;
    this.isHandlingOver = false;
    this.rejected = undefined;
    this.queueLength = queueLength;
    this.timeSumBefore = timeSum;
    this.timeSumAfter = timeSum;
    this.#frozen = undefined;
  }

  /** Keeps the times as they are, before a rollback. */
  freeze(): void {
    this.#frozen ??= { before: this.timeBefore, after: this.timeAfter };
  }

  get id(): string {
    return `${this.machine.id}-${this.number}`;
  }

  get isValid(): boolean {
    return this.isAccepted && !this.isHandlingOver;
  }

  get isCanceled(): boolean {
    return this.rejected !== undefined;
  }

  get enters(): string[] {
    return this.#toNames(this.#plan.enters, this.#plan.enterCount);
  }

  get exits(): string[] {
    this.#resolution.sortExits();
    return this.#toNames(this.#plan.exits, this.#plan.exitCount);
  }

  get changedIndexes(): Int32Array {
    const plan = this.#plan;
    const changed = new Int32Array(plan.changeCount);
    changed.set(plan.enters.subarray(0, plan.enterCount));
    changed.set(plan.exits.subarray(0, plan.exitCount), plan.enterCount);
    return changed;
  }

  get targetStates(): string[] {
    return this.phase === "final"
      ? this.machine.activeStates()
      : this.#toNames(this.#resolution.target());
  }

  get statesBefore(): string[] {
    if (this.phase === "negotiation") return this.#toNames(this.#resolution.order());
    const before = this.timeBefore;
    return this.#names.filter((_, i) => before[i]! % 2 === 1);
  }

  get timeBefore(): number[] {
    return this.#frozen?.before ?? this.#time(this.phase === "final" ? -1 : 0);
  }

  get timeAfter(): number[] {
    const changes =
      this.phase === "negotiation" && !this.mutation.isCheck && this.rejected === undefined;
    return this.#frozen?.after ?? this.#time(changes ? 1 : 0);
  }

  /** The ticks as they are, plus (1) or minus (-1) what this transition adds. */
  #time(sign: -1 | 0 | 1): number[] {
    const plan = this.#plan;
    const ticks = this.#ticks;
    const time: number[] = [];
    for (let i = 0; i < ticks.length; i++) time.push(ticks[i]!);
    if (sign === 0) return time;
    for (let i = 0; i < plan.enterCount; i++) {
      const index = plan.enters[i]!;
      const isReentry = sign === 1 ? ticks[index]! % 2 === 1 : plan.reentered[i] === 1;
      time[index]! += sign * (isReentry ? 2 : 1);
    }
    for (let i = 0; i < plan.exitCount; i++) time[plan.exits[i]!]! += sign;
    return time;
  }

  #toNames(indexes: Int32Array, count = indexes.length): string[] {
    const names: string[] = [];
    for (let i = 0; i < count; i++) names.push(this.#names[indexes[i]!]!);
    return names;
  }
}
