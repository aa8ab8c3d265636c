/** Picks the resolver for a mutation, and applies what it decided to the active states. */

import { MUTATION_ADD, MUTATION_REMOVE, MUTATION_SET, type QueuedMutation } from "../mutation.ts";
import type { ActiveSet } from "./active_set.ts";
import type { CompiledSchema } from "./compiled_schema.ts";
import { GeneralResolver } from "./general_resolver.ts";
import { IncrementalResolver } from "./incremental_resolver.ts";
import type { Plan } from "./plan.ts";
import { sortTarget } from "./target_order.ts";

export class Resolution {
  readonly #schema: CompiledSchema;
  readonly #active: ActiveSet;
  readonly #plan: Plan;
  readonly #general: GeneralResolver;
  readonly #incremental: IncrementalResolver | undefined;
  /** Whether the incremental resolver's premises on the active states hold, except premise 2, which the active set counts. */
  premisesHold = true;
  #wasIncremental = false;
  /** How many transitions each resolver served. */
  incrementalCount = 0;
  generalCount = 0;
  readonly #order: Int32Array;
  readonly #target: Int32Array;

  constructor(schema: CompiledSchema, active: ActiveSet, plan: Plan) {
    const size = schema.names.length;
    this.#schema = schema;
    this.#active = active;
    this.#plan = plan;
    this.#general = new GeneralResolver(schema, active);
    this.#incremental = IncrementalResolver.accepts(schema)
      ? new IncrementalResolver(schema, active)
      : undefined;
    this.#order = new Int32Array(size);
    this.#target = new Int32Array(size);
  }

  /** Writes to the plan what the mutation would do. */
  resolve(mutation: QueuedMutation): void {
    const { kind, called, calledCount } = mutation;
    const resolver = this.#incremental;
    this.#wasIncremental =
      resolver !== undefined &&
      this.premisesHold &&
      kind !== MUTATION_SET &&
      this.#active.multiAddCount === 0;
    if (!this.#wasIncremental) {
      this.generalCount++;
      this.#general.resolve(kind, called, calledCount, this.#plan);
      return;
    }
    this.incrementalCount++;
    if (kind === MUTATION_ADD)
      resolver!.add(called, calledCount, this.#plan, mutation.isAuto || mutation.isCheck);
    else resolver!.remove(called, calledCount, this.#plan);
  }

  /** Makes the plan's target the active states, in its order. `mutation` is the last one resolved. */
  apply(mutation: QueuedMutation): void {
    const { enters, exits, reentered, enterCount, exitCount, target, targetCount } = this.#plan;
    const active = this.#active;
    if (this.#wasIncremental && mutation.kind !== MUTATION_REMOVE) {
      const resolver = this.#incremental!;
      resolver.applyOrder(this.#plan);
      if (resolver.breaksPremise) this.premisesHold = false;
      return;
    }
    for (let i = 0; i < exitCount; i++) active.deactivate(exits[i]!);
    if (this.#wasIncremental) return;
    for (let i = 0; i < enterCount; i++) if (reentered[i] === 0) active.activate(enters[i]!, false);
    active.reorder(target, targetCount);
    this.premisesHold = this.#incremental !== undefined && !this.#hasConflict();
  }

  /** Active states in their order; valid until the next call. */
  order(): Int32Array {
    return this.#order.subarray(0, this.#active.copyOrder(this.#order));
  }

  /** The target in its order; valid until the next call. */
  target(): Int32Array {
    const plan = this.#plan;
    if (plan.targetCount >= 0) return plan.target.subarray(0, plan.targetCount);
    const before = this.order();
    const count = this.#incremental!.copyTarget(before, before.length, this.#target);
    sortTarget(this.#schema, this.#target, count);
    return this.#target.subarray(0, count);
  }

  /** Whether a state is in the target. */
  isTarget(state: number): boolean {
    const plan = this.#plan;
    if (plan.targetCount < 0) return this.#incremental!.isTarget(state);
    for (let i = 0; i < plan.targetCount; i++) if (plan.target[i] === state) return true;
    return false;
  }

  /** Sorts the plan's exits into handler order. */
  sortExits(): void {
    const plan = this.#plan;
    if (plan.exitsSorted) return;
    plan.exitsSorted = true;
    this.#active.sort(plan.exits, plan.exitCount);
  }

  /** Takes over the counts of the previous schema. */
  continueFrom(old: Resolution): void {
    this.incrementalCount = old.incrementalCount;
    this.generalCount = old.generalCount;
  }

  /** Whether any state of the plan's target removes another one. */
  #hasConflict(): boolean {
    const { target, targetCount } = this.#plan;
    const { isActive } = this.#active;
    const { remove } = this.#schema;
    for (let i = 0; i < targetCount; i++) {
      const state = target[i]!;
      for (let j = remove[state]!, end = remove[state + 1]!; j < end; j++)
        if (isActive[remove[j]!] === 1) return true;
    }
    return false;
  }
}
