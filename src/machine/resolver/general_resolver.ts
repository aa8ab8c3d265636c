/**
 * The general resolver: for any schema, mutation and clock. It visits all active states; the incremental
 * resolver does not. A property test compares both with a reference.
 */

import { MUTATION_ADD, MUTATION_REMOVE, type MutationKind } from "../mutation.ts";
import type { ActiveSet } from "./active_set.ts";
import type { CompiledSchema } from "./compiled_schema.ts";
import { CAUSE_IMPOSSIBLE, CAUSE_REMOVE, CAUSE_REQUIRE, type Plan } from "./plan.ts";
import { sortTarget } from "./target_order.ts";

export class GeneralResolver {
  readonly #schema: CompiledSchema;
  readonly #active: ActiveSet;
  readonly #before: Int32Array;
  // Lists can be longer than the schema before they are made unique.
  #list: number[] = [];
  #kept: number[] = [];
  // A mark is the number of the step that set it, so that marks need no clearing.
  #step = 0;
  readonly #inList: Int32Array;
  readonly #called: Int32Array;
  readonly #blocked: Int32Array;
  readonly #removed: Int32Array;
  readonly #cause: Int32Array;
  readonly #causeState: Int32Array;

  constructor(schema: CompiledSchema, active: ActiveSet) {
    const size = schema.names.length;
    this.#schema = schema;
    this.#active = active;
    this.#before = new Int32Array(size);
    this.#inList = new Int32Array(size);
    this.#called = new Int32Array(size);
    this.#blocked = new Int32Array(size);
    this.#removed = new Int32Array(size);
    this.#cause = new Int32Array(size);
    this.#causeState = new Int32Array(size);
  }

  /** Writes to `plan` what the mutation would do. `called` lists each state once. */
  resolve(kind: MutationKind, called: Int32Array, calledCount: number, plan: Plan): void {
    const { isActive } = this.#active;
    const beforeCount = this.#active.copyOrder(this.#before);
    plan.reset();
    const calledStep = ++this.#step;
    for (let i = 0; i < calledCount; i++) {
      this.#called[called[i]!] = calledStep;
      this.#cause[called[i]!] = 0;
    }
    this.#want(kind, called, calledCount, beforeCount, calledStep);
    this.#imply(this.#list, kind, calledStep);
    this.#list = this.#require(this.#unique(this.#list));
    this.#block();
    this.#imply(this.#kept, kind, calledStep);
    this.#list = this.#unique(this.#kept.filter((state) => this.#removed[state] !== this.#step));
    this.#list = this.#require(this.#list.reverse());

    const count = this.#list.length;
    for (let i = 0; i < count; i++) plan.target[i] = this.#list[i]!;
    plan.targetCount = count;
    sortTarget(this.#schema, plan.target, count);

    const targetStep = this.#mark(this.#list);
    for (let i = 0; i < count; i++) {
      const state = plan.target[i]!;
      const isReentry = this.#called[state] === calledStep && this.#schema.multi[state] === 1;
      if (isActive[state] === 0 || isReentry) plan.enters[plan.enterCount++] = state;
    }
    for (let i = 0; i < beforeCount; i++) {
      const state = this.#before[i]!;
      if (this.#inList[state] !== targetStep) plan.exits[plan.exitCount++] = state;
    }
    sortTarget(this.#schema, plan.exits, plan.exitCount);
    if (kind === MUTATION_REMOVE) return;
    for (let i = 0; i < calledCount; i++) {
      const state = called[i]!;
      if (this.#inList[state] === targetStep) plan.grantedCount++;
      else plan.reject(state, this.#cause[state]!, this.#causeState[state]!);
    }
  }

  #want(
    kind: MutationKind,
    called: Int32Array,
    calledCount: number,
    beforeCount: number,
    calledStep: number,
  ): void {
    const list: number[] = [];
    if (kind !== MUTATION_REMOVE) for (let i = 0; i < calledCount; i++) list.push(called[i]!);
    if (kind === MUTATION_ADD || kind === MUTATION_REMOVE) {
      for (let i = 0; i < beforeCount; i++) {
        if (this.#called[this.#before[i]!] !== calledStep) list.push(this.#before[i]!);
      }
    }
    this.#list = list;
  }

  /** Appends the states that those of `list` imply, one level deep. */
  #imply(list: number[], kind: MutationKind, calledStep: number): void {
    const { add, multi } = this.#schema;
    const { isActive } = this.#active;
    const length = list.length;
    for (let i = 0; i < length; i++) {
      const state = list[i]!;
      if (isActive[state] === 1 && multi[state] === 0) continue;
      for (let j = add[state]!, end = add[state + 1]!; j < end; j++) {
        const implied = add[j]!;
        if (kind !== MUTATION_REMOVE || this.#called[implied] !== calledStep) list.push(implied);
      }
    }
  }

  #mark(list: readonly number[]): number {
    const step = ++this.#step;
    for (const state of list) this.#inList[state] = step;
    return step;
  }

  #unique(list: readonly number[]): number[] {
    const step = ++this.#step;
    return list.filter((state) => {
      if (this.#inList[state] === step) return false;
      this.#inList[state] = step;
      return true;
    });
  }

  /** Drops states whose Require is not met within `list`, until all are met. Leaves `#inList` marked with the current step. */
  #require(list: number[]): number[] {
    const { require, impossible } = this.#schema;
    for (;;) {
      const step = this.#mark(list);
      const kept = list.filter((state) => {
        if (impossible[state] === 1) {
          this.#cause[state] = CAUSE_IMPOSSIBLE;
          return false;
        }
        for (let i = require[state]!, end = require[state + 1]!; i < end; i++) {
          const required = require[i]!;
          if (this.#inList[required] !== step) {
            this.#cause[state] = CAUSE_REQUIRE;
            this.#causeState[state] = required;
            return false;
          }
        }
        return true;
      });
      if (kept.length === list.length) return kept;
      list = kept;
    }
  }

  /** From the end of the list: keeps the states that no unblocked state removes; then marks the states that the kept ones remove. */
  #block(): void {
    const { remove, removedBy } = this.#schema;
    const inList = this.#step;
    const step = ++this.#step;
    this.#kept = [];
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const state = this.#list[i]!;
      let blocker = -1;
      for (let j = removedBy[state]!, end = removedBy[state + 1]!; j < end; j++) {
        const other = removedBy[j]!;
        if (this.#inList[other] === inList && this.#blocked[other] !== step) {
          blocker = other;
          break;
        }
      }
      if (blocker < 0) {
        this.#kept.push(state);
        continue;
      }
      this.#blocked[state] = step;
      this.#cause[state] = CAUSE_REMOVE;
      this.#causeState[state] = blocker;
    }
    for (const state of this.#kept)
      for (let j = remove[state]!, end = remove[state + 1]!; j < end; j++)
        this.#removed[remove[j]!] = step;
  }
}
