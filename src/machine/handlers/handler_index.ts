/** Which states have handlers, as one look-up per state, so that a transition searches the bindings only where one exists. */

import type { Binding } from "./binding.ts";

export const HAS_ENTER = 1;
export const HAS_EXIT = 2;
export const HAS_STATE = 4;
export const HAS_END = 8;

export class HandlerIndex {
  /** Per state: the kinds of handlers that any binding has for it, as a union of the bits above. */
  readonly kinds: Uint8Array;
  /** The bindings that have pairs. */
  readonly pairBindings: readonly Binding[];
  /** The states of all pairs, flat: from, to, from, to, … */
  readonly #pairs: readonly number[];
  /** Whether any binding has Exit or End handlers, for which the order of leaving states matters. */
  readonly hasExits: boolean;
  readonly hasAnyEnter: boolean;
  readonly hasAnyState: boolean;

  constructor(size: number, bindings: readonly Binding[]) {
    const kinds = new Uint8Array(size);
    const pairs: number[] = [];
    for (const { Enter, Exit, State, End, pairs: byFrom } of bindings) {
      for (const state of Enter.keys()) kinds[state]! |= HAS_ENTER;
      for (const state of Exit.keys()) kinds[state]! |= HAS_EXIT;
      for (const state of State.keys()) kinds[state]! |= HAS_STATE;
      for (const state of End.keys()) kinds[state]! |= HAS_END;
      for (const [from, byTo] of byFrom) for (const to of byTo.keys()) pairs.push(from, to);
    }
    this.kinds = kinds;
    this.pairBindings = bindings.filter((binding) => binding.pairs.size > 0);
    this.#pairs = pairs;
    this.hasExits = bindings.some(({ Exit, End }) => Exit.size + End.size > 0);
    this.hasAnyEnter = bindings.some(({ anyEnter }) => anyEnter !== undefined);
    this.hasAnyState = bindings.some(({ anyState }) => anyState !== undefined);
  }

  /** Whether any pair leads from an active state to a state for which `isTarget` is true. */
  hasPair(isActive: Uint8Array, isTarget: (state: number) => boolean): boolean {
    const pairs = this.#pairs;
    for (let i = 0; i < pairs.length; i += 2)
      if (isActive[pairs[i]!] === 1 && isTarget(pairs[i + 1]!)) return true;
    return false;
  }
}
