/**
 * Groups of states: from nested definitions, which also give an index order, or listed by hand. A
 * definition lists its own names and the definitions that it embeds, in order.
 */

import { MachineError } from "../errors.ts";
import type { Schema } from "../schema.ts";

/** A list of state names and embedded definitions. */
export interface StatesDefinition<N extends string = string> {
  /** The name of the group that its states form in a definition that embeds it. */
  readonly name: string;
  /** Own names and embedded definitions, in order. */
  readonly members: readonly (N | StatesDefinition<N>)[];
  /** Whether it forms no group, like the base that every definition embeds. */
  readonly isBase: boolean;
}

/** The result of {@linkcode collectStates}. */
export interface CollectedStates<N extends string = string> {
  /** Every name once, depth first in the order of members: an index order for `createMachine`. */
  readonly names: readonly N[];
  /**
   * `self`, the definition's own names, then one group per embedded definition, in order of visit. A
   * name in several definitions belongs to the first one visited.
   */
  readonly groups: Readonly<Record<string, readonly N[]>>;
}

type MemberName<M> = M extends string ? M : M extends StatesDefinition<infer N> ? N : never;

/** Makes a definition, and infers its names and those of the definitions that it embeds. */
export function defineStates<const M extends readonly (string | StatesDefinition)[]>(
  name: string,
  members: M,
  options: { readonly isBase?: boolean } = {},
): StatesDefinition<MemberName<M[number]>> {
  return {
    name,
    members: members as unknown as StatesDefinition<MemberName<M[number]>>["members"],
    isBase: options.isBase ?? false,
  };
}

/**
 * The names and groups of a definition. Throws {@linkcode MachineError} if two different embedded
 * definitions have the same name, as one would hide the other.
 */
export function collectStates<N extends string>(
  definition: StatesDefinition<N>,
): CollectedStates<N> {
  const names = new Set<N>();
  const groups: Record<string, N[]> = {};
  const visited = new Map<string, StatesDefinition<N>>();
  const visit = (current: StatesDefinition<N>, group: string): void => {
    const known = visited.get(group);
    if (known === current) return;
    if (known !== undefined) {
      throw new MachineError(
        "invalid_argument",
        `Cannot collect the states of "${definition.name}": two definitions are named "${group}"`,
      );
    }
    visited.set(group, current);
    const own: N[] = [];
    if (!current.isBase) groups[group] = own;
    for (const member of current.members) {
      if (typeof member !== "string") {
        visit(member, member.name);
      } else if (!names.has(member)) {
        names.add(member);
        own.push(member);
      }
    }
  };
  visit(definition, "self");
  return { names: [...names], groups };
}

/**
 * Named groups of a schema's states, typed so that neither a group nor a state can be misspelt:
 * for `machine.activeStates(groups.Status)`, `machine.switch(groups.Gates)` and relations. Groups are
 * labels that do not affect behaviour. Throws {@linkcode MachineError} for unknown states.
 */
export function defineGroups<N extends string, const G extends Record<string, readonly N[]>>(
  schema: Schema<N>,
  groups: G,
): Readonly<G> {
  for (const [group, states] of Object.entries(groups)) {
    const unknown = states.filter((state) => !Object.hasOwn(schema, state));
    if (unknown.length === 0) continue;
    throw new MachineError(
      "unknown_state",
      `Cannot define group "${group}": states "${unknown.join('", "')}" are not in the schema`,
      { states: unknown },
    );
  }
  return Object.freeze(groups);
}
