/**
 * State names from nested definitions, in index order, and the groups that come with them. A
 * definition lists its own names and the definitions that it embeds, in the order that counts.
 */

import { MachineError } from "../errors.ts";
import type { Schema } from "../schema.ts";

/** Names of states and, among them, whole other definitions. */
export interface StatesDefinition<N extends string = string> {
  /** The group that its names form where it is embedded. */
  readonly name: string;
  /** In field order: own names, and definitions that are embedded. */
  readonly members: readonly (N | StatesDefinition<N>)[];
  /** Whether it forms no group where it is embedded, as the base that everything has. */
  readonly isBase: boolean;
}

/** What {@linkcode collectStates} makes of a definition. */
export interface CollectedStates<N extends string = string> {
  /** Every name once, depth first in field order: an index order for `createMachine`. */
  readonly names: readonly N[];
  /**
   * `self`, the definition's own names, then one group per embedded definition in order of visit. A
   * name that several definitions have belongs to the first that was visited.
   */
  readonly groups: Readonly<Record<string, readonly N[]>>;
}

type MemberName<M> = M extends string ? M : M extends StatesDefinition<infer N> ? N : never;

/** Makes a definition, with its names and those of what it embeds inferred. */
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
 * Names and groups of a definition. Throws {@linkcode MachineError} if two embedded definitions of
 * different content have one name, as one would hide the other.
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
 * Groups of a schema's states by name, typed, so that neither a group nor a state can be misspelt:
 * for `machine.activeStates(groups.Status)`, `machine.switch(groups.Gates)` and relations. Groups are
 * labels, without effect on behaviour. Throws {@linkcode MachineError} for unknown states.
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
