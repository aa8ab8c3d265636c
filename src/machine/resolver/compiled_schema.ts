/** A parsed schema as arrays of state indexes, for the resolvers and the active set. */

import type { Schema } from "../schema.ts";

/**
 * One list of states per state, all in one array so that they are close in memory: the list of
 * `state` is at places `lists[state]` (included) to `lists[state + 1]` (excluded).
 */
export type PackedLists = Int32Array;

/** Indexes refer to {@linkcode CompiledSchema.names}; lists keep the schema's order, each index once. */
export interface CompiledSchema {
  readonly names: readonly string[];
  readonly schema: Schema;
  readonly indexByName: ReadonlyMap<string, number>;
  readonly auto: Uint8Array;
  readonly multi: Uint8Array;
  /** 1 for a multi state with an Add: while active it implies again on every mutation. */
  readonly multiAdd: Uint8Array;
  readonly require: PackedLists;
  /** 1 if a required state is unknown, so that the state can never be active. */
  readonly impossible: Uint8Array;
  readonly add: PackedLists;
  readonly remove: PackedLists;
  readonly after: readonly Int32Array[];
  /** The reverse of `require` and `remove`: the states that require, or remove, this state. */
  readonly requiredBy: PackedLists;
  readonly removedBy: PackedLists;
  /** The auto states among {@linkcode CompiledSchema.remove}. */
  readonly removeAuto: PackedLists;
  /** Place in the Require topology, required states first; -1 for a state outside it. */
  readonly topology: Int32Array;
  readonly hasAfter: boolean;
  /** Whether any state removes itself; parsing drops only the first mention of its own name. */
  readonly hasSelfRemove: boolean;
}

const EMPTY = new Int32Array(0);

/**
 * Compiles a parsed schema for the given index order. If Require has a cycle, the schema keeps
 * `previousTopology`, or has no topology without it.
 */
export function compileSchema(
  schema: Schema,
  names: readonly string[],
  previousTopology?: ReadonlyMap<string, number>,
): CompiledSchema {
  const size = names.length;
  const indexByName = new Map(names.map((name, index) => [name, index]));
  const states = names.map((name) => schema[name]!);
  const toIndexes = (list: readonly string[] | undefined): Int32Array => {
    if (list === undefined || list.length === 0) return EMPTY;
    const indexes = new Set<number>();
    for (const name of list) {
      const index = indexByName.get(name);
      if (index !== undefined) indexes.add(index);
    }
    return Int32Array.from(indexes);
  };
  const require = states.map((state) => toIndexes(state.require));
  const add = states.map((state) => toIndexes(state.add));
  const remove = states.map((state) => toIndexes(state.remove));
  const after = states.map((state) => toIndexes(state.after));
  const auto = Uint8Array.from(states, (state) => (state.auto ? 1 : 0));
  const multi = Uint8Array.from(states, (state) => (state.multi ? 1 : 0));
  const topology = sortTopology(require) ?? new Int32Array(size).fill(-1);
  if (previousTopology !== undefined && sortTopology(require) === undefined) {
    for (const [name, place] of previousTopology) topology[indexByName.get(name) ?? size] = place;
  }
  return {
    names,
    schema,
    indexByName,
    auto,
    multi,
    multiAdd: Uint8Array.from(states, (_, index) =>
      multi[index] === 1 && add[index]!.length > 0 ? 1 : 0,
    ),
    require: pack(require),
    impossible: Uint8Array.from(states, ({ require: list }) =>
      list?.some((name) => !indexByName.has(name)) ? 1 : 0,
    ),
    add: pack(add),
    remove: pack(remove),
    after,
    requiredBy: pack(invert(require)),
    removedBy: pack(invert(remove)),
    removeAuto: pack(
      remove.map((list) => (list.length === 0 ? EMPTY : list.filter((index) => auto[index] === 1))),
    ),
    topology,
    hasAfter: after.some((list) => list.length > 0),
    hasSelfRemove: remove.some((list, index) => list.includes(index)),
  };
}

function pack(lists: readonly Int32Array[]): PackedLists {
  const head = lists.length + 1;
  const packed = new Int32Array(lists.reduce((total, list) => total + list.length, head));
  let place = head;
  lists.forEach((list, state) => {
    packed[state] = place;
    packed.set(list, place);
    place += list.length;
  });
  packed[lists.length] = place;
  return packed;
}

function invert(lists: readonly Int32Array[]): Int32Array[] {
  const counts = new Int32Array(lists.length);
  for (const list of lists) for (const target of list) counts[target]!++;
  const inverted = Array.from(counts, (count) => (count === 0 ? EMPTY : new Int32Array(count)));
  counts.fill(0);
  lists.forEach((list, index) => {
    for (const target of list) inverted[target]![counts[target]!++] = index;
  });
  return inverted;
}

/**
 * Depth-first post-order over Require, starting from the states that require something, in index
 * order. Undefined if there is a cycle. Iterative, since chains can be as long as the schema.
 */
function sortTopology(require: readonly Int32Array[]): Int32Array | undefined {
  const size = require.length;
  const topology = new Int32Array(size).fill(-1);
  // 0 unseen, 1 on the path, 2 done.
  const status = new Uint8Array(size);
  const path: number[] = [];
  const nextChild = new Int32Array(size);
  let place = 0;
  for (let start = 0; start < size; start++) {
    if (require[start]!.length === 0 || status[start] !== 0) continue;
    path.push(start);
    status[start] = 1;
    while (path.length > 0) {
      const state = path[path.length - 1]!;
      const children = require[state]!;
      if (nextChild[state]! === children.length) {
        status[state] = 2;
        topology[state] = place++;
        path.pop();
        continue;
      }
      const child = children[nextChild[state]!++]!;
      if (status[child] === 1) return undefined;
      if (status[child] === 0) {
        status[child] = 1;
        path.push(child);
      }
    }
  }
  return topology;
}
