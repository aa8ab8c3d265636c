/** What a resolver decides: the states that a mutation would activate, deactivate or re-enter, or why it cannot. */

/** Why a called state is not in the target. */
export const CAUSE_NONE = 0;
/** Another state removes it. */
export const CAUSE_REMOVE = 1;
/** A state that it requires is not in the target. */
export const CAUSE_REQUIRE = 2;
/** It requires a state that the schema lacks. */
export const CAUSE_IMPOSSIBLE = 3;

/** One plan per engine, written again by each resolution. All lists hold state indexes. */
export class Plan {
  /** States of the target that are inactive, or multi and called (these stay active and tick by 2), in the target's order. */
  readonly enters: Int32Array;
  enterCount = 0;
  /** Per place in {@linkcode enters}: 1 if the state was already active. Written when the ticks move. */
  readonly reentered: Uint8Array;
  /** Active states that are not in the target; in handler order if {@linkcode exitsSorted}. */
  readonly exits: Int32Array;
  exitCount = 0;
  exitsSorted = true;
  /** The whole target in its order, written only by the general resolver; otherwise {@linkcode targetCount} is -1. */
  readonly target: Int32Array;
  targetCount = -1;
  /** Whether every called state is in the target. */
  isComplete = true;
  /** How many called states are in the target. */
  grantedCount = 0;
  /** The first called state that is not in the target, and why; -1 if there is none. */
  rejected = -1;
  cause = CAUSE_NONE;
  /** The state that removes {@linkcode rejected}, or that it requires; -1 if there is none. */
  causeState = -1;

  constructor(size: number) {
    this.enters = new Int32Array(size);
    this.reentered = new Uint8Array(size);
    this.exits = new Int32Array(size);
    this.target = new Int32Array(size);
  }

  reset(): void {
    this.enterCount = 0;
    this.exitCount = 0;
    this.exitsSorted = true;
    this.targetCount = -1;
    this.isComplete = true;
    this.grantedCount = 0;
    this.rejected = -1;
    this.cause = CAUSE_NONE;
    this.causeState = -1;
  }

  reject(state: number, cause: number, causeState: number): void {
    this.isComplete = false;
    if (this.rejected >= 0) return;
    this.rejected = state;
    this.cause = cause;
    this.causeState = causeState;
  }

  /** Number of states whose tick moves. */
  get changeCount(): number {
    return this.enterCount + this.exitCount;
  }
}
