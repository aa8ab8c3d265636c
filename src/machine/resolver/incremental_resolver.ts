/**
 * The incremental resolver: the cost of an add or remove depends on the states it touches and their
 * relations, not on the number of active states. It decides exactly what the general resolver decides
 * while these premises hold, which the resolution checks:
 *
 * 1. no active state removes another active one;
 * 2. no active multi state implies others;
 * 3. no state has After, and none removes itself;
 * 4. the active states meet their Requires and are in target order.
 *
 * Then active states never block each other and imply nothing, so only new states (called or implied)
 * matter: the removed-by index finds what blocks them, their Remove what they block, and the
 * required-by index what falls with it.
 */

import type { ActiveSet } from "./active_set.ts";
import type { CompiledSchema } from "./compiled_schema.ts";
import { CAUSE_IMPOSSIBLE, CAUSE_REMOVE, CAUSE_REQUIRE, type Plan } from "./plan.ts";
import { sortPlacedLast } from "./target_order.ts";

// Marks of a state in the current resolution. They are handled in this class because it is the hot
// path: a separate class for them cost a tenth of the speed.
/** Inactive and in the list: called or implied. */
const NEW = 1;
/** Called, active or not. */
const CALLED = 2;
/** Removed by an unblocked state. */
const BLOCKED = 4;
/** In the second implied level, which overrides BLOCKED and UNMET. */
const LEVEL_TWO = 8;
/** Left the list because a Require was not met. */
const UNMET = 16;
/** Left the target because a Require was not met there. */
const DROPPED = 32;
/** Written to the plan's exits. */
const EXIT = 64;

const BASE_STEP = 128;
const BASE_LIMIT = 2 ** 30 - BASE_STEP;

export class IncrementalResolver {
  readonly #schema: CompiledSchema;
  readonly #active: ActiveSet;
  /** Per state: the base of the last resolution that marked it, plus the marks above. */
  readonly #marks: Int32Array;
  /** Grows by 128 with each resolution, so that older marks need no clearing. */
  #base = 0;
  readonly #cause: Uint8Array;
  readonly #causeState: Int32Array;
  readonly #implied: Int32Array;
  #impliedCount = 0;
  readonly #levelTwo: Int32Array;
  #levelTwoCount = 0;
  /** Blocked active states, then every state that falls with them. */
  readonly #fallen: Int32Array;
  #fallenCount = 0;
  #called: Int32Array;
  #calledCount = 0;
  /** Whether a state of the second implied level removes a state of the target, so that premise 1 fails afterwards. */
  breaksPremise = false;

  constructor(schema: CompiledSchema, active: ActiveSet) {
    const size = schema.names.length;
    this.#schema = schema;
    this.#active = active;
    this.#marks = new Int32Array(size);
    this.#cause = new Uint8Array(size);
    this.#causeState = new Int32Array(size);
    this.#implied = new Int32Array(size);
    this.#levelTwo = new Int32Array(size);
    this.#fallen = new Int32Array(size);
    this.#called = this.#implied;
  }

  /** Whether the schema meets premise 3. */
  static accepts(schema: CompiledSchema): boolean {
    return !schema.hasAfter && !schema.hasSelfRemove;
  }

  /**
   * Writes to `plan` what an add would do. `called` lists each state once. If one of them is rejected,
   * the rest of the plan is written only for an add that `acceptsPart`, such as an auto mutation.
   */
  add(called: Int32Array, calledCount: number, plan: Plan, acceptsPart: boolean): void {
    this.#start(called, calledCount, plan);
    this.#collectNew();
    if (!this.#requireNew()) this.#requireNewAgain();
    this.#blockImplied();
    this.#blockActive();
    this.#blockCalled();
    this.#collectLevelTwo();
    this.#requireTarget();
    this.#writeAdd(plan, acceptsPart);
  }

  /** Writes to `plan` what a remove would do: the called states fall, and all states that require them. */
  remove(called: Int32Array, calledCount: number, plan: Plan): void {
    this.#start(called, calledCount, plan);
    const { isActive } = this.#active;
    for (let i = 0; i < calledCount; i++) {
      const state = called[i]!;
      if (isActive[state] === 0) continue;
      this.#mark(state, DROPPED);
      this.#fallen[this.#fallenCount++] = state;
    }
    this.#fall(0);
    this.#writeExits(plan);
  }

  /** Applies the last add to the active states: moves called and level-two states to the front, appends implied ones. */
  applyOrder(plan: Plan): void {
    const active = this.#active;
    for (let i = 0; i < plan.exitCount; i++) active.deactivate(plan.exits[i]!);
    for (let i = this.#calledCount - 1; i >= 0; i--) this.#applyFirst(this.#called[i]!);
    for (let i = 0; i < this.#levelTwoCount; i++) {
      const state = this.#levelTwo[i]!;
      if (!this.#has(state, DROPPED)) this.#applyFirst(state);
    }
    for (let i = 0; i < this.#impliedCount; i++) {
      const state = this.#implied[i]!;
      if (active.isActive[state] === 0 && this.#inTarget(state)) active.activate(state, false);
    }
  }

  /** Writes the target of the last resolution to `out`, in its order before sorting; returns the count. `order` lists the active states. */
  copyTarget(order: Int32Array, orderCount: number, out: Int32Array): number {
    let count = 0;
    for (let i = this.#levelTwoCount - 1; i >= 0; i--) {
      if (!this.#has(this.#levelTwo[i]!, DROPPED)) out[count++] = this.#levelTwo[i]!;
    }
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (this.#inTarget(state) && !this.#has(state, LEVEL_TWO)) out[count++] = state;
    }
    for (let i = 0; i < orderCount; i++) {
      const state = order[i]!;
      if (this.#inTarget(state) && this.#isIn(state, LEVEL_TWO | CALLED) === 0)
        out[count++] = state;
    }
    for (let i = 0; i < this.#impliedCount; i++) {
      const state = this.#implied[i]!;
      if (this.#inTarget(state) && !this.#has(state, LEVEL_TWO)) out[count++] = state;
    }
    return count;
  }

  /** Whether a state is in the target of the last resolution. */
  isTarget(state: number): boolean {
    return this.#inTarget(state);
  }

  #applyFirst(state: number): void {
    if (this.#active.isActive[state] === 1) this.#active.moveFirst(state);
    else if (this.#inTarget(state)) this.#active.activate(state, true);
  }

  #start(called: Int32Array, calledCount: number, plan: Plan): void {
    plan.reset();
    this.#base += BASE_STEP;
    if (this.#base > BASE_LIMIT) {
      this.#marks.fill(0);
      this.#base = BASE_STEP;
    }
    this.#called = called;
    this.#calledCount = calledCount;
    this.#impliedCount = 0;
    this.#levelTwoCount = 0;
    this.#fallenCount = 0;
    this.breaksPremise = false;
  }

  #has(state: number, mark: number): boolean {
    return this.#isIn(state, mark) !== 0;
  }

  #mark(state: number, mark: number): void {
    this.#marks[state] = Math.max(this.#marks[state]!, this.#base) | mark;
  }

  #isIn(state: number, mask: number): number {
    const marks = this.#marks[state]!;
    return marks >= this.#base ? marks & mask : 0;
  }

  /** Whether the state is in the list that blocking works on: active, or new with its Requires met. */
  #inList(state: number): boolean {
    return this.#active.isActive[state] === 1 || this.#isIn(state, NEW | UNMET) === NEW;
  }

  /** Whether the state is in that list and not blocked so far. */
  #isUnblocked(state: number): boolean {
    return this.#inList(state) && !this.#has(state, BLOCKED);
  }

  /** Whether the state is in the target, as far as known. */
  #inTarget(state: number): boolean {
    const marks = this.#marks[state]!;
    if (marks < this.#base) return this.#active.isActive[state] === 1;
    if ((marks & DROPPED) !== 0) return false;
    if ((marks & LEVEL_TWO) !== 0) return true;
    if ((marks & (BLOCKED | UNMET)) !== 0) return false;
    return this.#active.isActive[state] === 1 || (marks & NEW) !== 0;
  }

  #collectNew(): void {
    const { add } = this.#schema;
    const { isActive } = this.#active;
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      this.#mark(state, isActive[state] === 1 ? CALLED : CALLED | NEW);
    }
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (isActive[state] === 1) continue;
      for (let j = add[state]!, end = add[state + 1]!; j < end; j++) {
        const other = add[j]!;
        if (isActive[other] === 1 || this.#has(other, NEW)) continue;
        this.#mark(other, NEW);
        this.#implied[this.#impliedCount++] = other;
      }
    }
  }

  /** Drops new states whose Requires are not in the list. Returns whether there were none to drop. */
  #requireNew(): boolean {
    let isStable = true;
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (this.#isIn(state, NEW | UNMET) === NEW && !this.#isMetInList(state)) isStable = false;
    }
    for (let i = 0; i < this.#impliedCount; i++) {
      const state = this.#implied[i]!;
      if (!this.#has(state, UNMET) && !this.#isMetInList(state)) isStable = false;
    }
    return isStable;
  }

  #requireNewAgain(): void {
    while (!this.#requireNew());
  }

  #isMetInList(state: number): boolean {
    const { require } = this.#schema;
    if (this.#schema.impossible[state] === 1) {
      this.#refuse(state, UNMET, CAUSE_IMPOSSIBLE, -1);
      return false;
    }
    for (let i = require[state]!, end = require[state + 1]!; i < end; i++) {
      if (!this.#inList(require[i]!)) {
        this.#refuse(state, UNMET, CAUSE_REQUIRE, require[i]!);
        return false;
      }
    }
    return true;
  }

  #refuse(state: number, mark: number, cause: number, causeState: number): void {
    this.#mark(state, mark);
    this.#cause[state] = cause;
    this.#causeState[state] = causeState;
  }

  #blockImplied(): void {
    for (let i = this.#impliedCount - 1; i >= 0; i--) {
      const state = this.#implied[i]!;
      if (!this.#has(state, UNMET)) this.#blockByAny(state);
    }
  }

  #blockCalled(): void {
    for (let i = this.#calledCount - 1; i >= 0; i--) {
      const state = this.#called[i]!;
      if (!this.#has(state, UNMET)) this.#blockByAny(state);
    }
  }

  /** Blocks the state if an unblocked state of the list removes it. */
  #blockByAny(state: number): void {
    const { removedBy } = this.#schema;
    for (let i = removedBy[state]!, end = removedBy[state + 1]!; i < end; i++) {
      const blocker = removedBy[i]!;
      if (this.#isUnblocked(blocker)) {
        this.#refuse(state, BLOCKED, CAUSE_REMOVE, blocker);
        if (this.#active.isActive[state] === 1) this.#fallen[this.#fallenCount++] = state;
        return;
      }
    }
  }

  /** Blocks the active states that an unblocked new state removes, except called ones, which are blocked later. */
  #blockActive(): void {
    for (let i = 0; i < this.#impliedCount; i++) {
      const state = this.#implied[i]!;
      if (this.#isIn(state, UNMET | BLOCKED) === 0) this.#blockRemoved(state);
    }
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (this.#isIn(state, NEW | UNMET) === NEW) this.#blockRemoved(state);
    }
  }

  #blockRemoved(state: number): void {
    const { remove } = this.#schema;
    const { isActive } = this.#active;
    for (let i = remove[state]!, end = remove[state + 1]!; i < end; i++) {
      const other = remove[i]!;
      if (isActive[other] === 0 || this.#isIn(other, CALLED | BLOCKED) !== 0) continue;
      this.#mark(other, BLOCKED);
      this.#fallen[this.#fallenCount++] = other;
    }
  }

  /** Collects the states that unblocked new states imply and no unblocked state removes. */
  #collectLevelTwo(): void {
    for (let i = this.#impliedCount - 1; i >= 0; i--) this.#implyFrom(this.#implied[i]!);
    for (let i = this.#calledCount - 1; i >= 0; i--) this.#implyFrom(this.#called[i]!);
  }

  #implyFrom(state: number): void {
    const { add } = this.#schema;
    const start = add[state]!;
    const end = add[state + 1]!;
    if (start === end || this.#isIn(state, NEW | UNMET | BLOCKED) !== NEW) return;
    for (let i = start; i < end; i++) {
      const implied = add[i]!;
      if (this.#has(implied, LEVEL_TWO) || this.#isUnblocked(implied) || this.#isRemoved(implied))
        continue;
      this.#mark(implied, LEVEL_TWO);
      this.#levelTwo[this.#levelTwoCount++] = implied;
    }
  }

  #isRemoved(state: number): boolean {
    const { removedBy } = this.#schema;
    for (let i = removedBy[state]!, end = removedBy[state + 1]!; i < end; i++)
      if (this.#isUnblocked(removedBy[i]!)) return true;
    return false;
  }

  /** Drops from the target every state whose Requires are not met there, and all states that fall with it. */
  #requireTarget(): void {
    this.#fall(0);
    for (let i = 0; i < this.#levelTwoCount; i++) this.#requireInTarget(this.#levelTwo[i]!);
    for (let i = 0; i < this.#calledCount; i++) this.#requireInTarget(this.#called[i]!);
    for (let i = 0; i < this.#impliedCount; i++) this.#requireInTarget(this.#implied[i]!);
  }

  #requireInTarget(state: number): void {
    const { require } = this.#schema;
    const start = require[state]!;
    const end = require[state + 1]!;
    const isImpossible = this.#schema.impossible[state] === 1;
    if ((start === end && !isImpossible) || !this.#inTarget(state)) return;
    if (isImpossible) {
      this.#drop(state, CAUSE_IMPOSSIBLE, -1);
      return;
    }
    for (let i = start; i < end; i++) {
      if (!this.#inTarget(require[i]!)) {
        this.#drop(state, CAUSE_REQUIRE, require[i]!);
        return;
      }
    }
  }

  #drop(state: number, cause: number, causeState: number): void {
    const from = this.#fallenCount;
    this.#refuse(state, DROPPED, cause, causeState);
    this.#fallen[this.#fallenCount++] = state;
    this.#fall(from);
  }

  /** Drops the states that require a fallen one, starting at place `from` of the fallen, until nothing more falls. */
  #fall(from: number): void {
    const { requiredBy } = this.#schema;
    for (let i = from; i < this.#fallenCount; i++) {
      const fallen = this.#fallen[i]!;
      if (this.#inTarget(fallen)) continue;
      for (let j = requiredBy[fallen]!, end = requiredBy[fallen + 1]!; j < end; j++) {
        const state = requiredBy[j]!;
        if (!this.#inTarget(state)) continue;
        this.#refuse(state, DROPPED, CAUSE_REQUIRE, fallen);
        this.#fallen[this.#fallenCount++] = state;
      }
    }
  }

  #writeAdd(plan: Plan, acceptsPart: boolean): void {
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (this.#inTarget(state)) plan.grantedCount++;
      else plan.reject(state, this.#cause[state]!, this.#causeState[state]!);
    }
    if (!plan.isComplete && !acceptsPart) return;
    const { isActive } = this.#active;
    const { multi, topology } = this.#schema;
    let placed = 0;
    for (let i = this.#levelTwoCount - 1; i >= 0; i--) {
      const state = this.#levelTwo[i]!;
      if (this.#has(state, DROPPED)) continue;
      if (isActive[state] === 0) {
        plan.enters[plan.enterCount++] = state;
        if (topology[state]! >= 0) placed++;
      }
      if (this.#removesFromTarget(state)) this.breaksPremise = true;
    }
    for (let i = 0; i < this.#calledCount; i++) {
      const state = this.#called[i]!;
      if (this.#has(state, LEVEL_TWO) || !this.#inTarget(state)) continue;
      if (isActive[state] === 1 && multi[state] === 0) continue;
      plan.enters[plan.enterCount++] = state;
      if (topology[state]! >= 0) placed++;
    }
    for (let i = 0; i < this.#impliedCount; i++) {
      const state = this.#implied[i]!;
      if (this.#has(state, LEVEL_TWO) || !this.#inTarget(state)) continue;
      plan.enters[plan.enterCount++] = state;
      if (topology[state]! >= 0) placed++;
    }
    if (placed > 0 && plan.enterCount > 1) sortPlacedLast(plan.enters, plan.enterCount, topology);
    this.#writeExits(plan);
  }

  #removesFromTarget(state: number): boolean {
    const { remove } = this.#schema;
    for (let i = remove[state]!, end = remove[state + 1]!; i < end; i++)
      if (this.#inTarget(remove[i]!)) return true;
    return false;
  }

  #writeExits(plan: Plan): void {
    const { isActive } = this.#active;
    for (let i = 0; i < this.#fallenCount; i++) {
      const state = this.#fallen[i]!;
      if (isActive[state] === 0 || this.#inTarget(state) || this.#has(state, EXIT)) continue;
      this.#mark(state, EXIT);
      plan.exits[plan.exitCount++] = state;
    }
    plan.exitsSorted = plan.exitCount < 2;
  }
}
