/** Encodes and decodes schemas: names are front-coded, relations are indexes. Every list keeps its order. */

import { statesource } from "../../../gen/statesource.js";
import type { Schema, StateDefinition } from "../../machine/mod.ts";
import { ReplicationError } from "../clock/errors.ts";
import { hashBytes } from "../clock/hash.ts";
import { MAX_NAME_LENGTH } from "../clock/limits.ts";

type WireSchema = statesource.v1.ISchema;

const AUTO = 1;
const MULTI = 2;
const RELATIONS = [
  ["require", 4],
  ["add", 8],
  ["remove", 16],
  ["after", 32],
] as const;

const ALL_FLAGS = 63;

/** Limits on what a peer may send. */
export interface SchemaLimits {
  /** Also the most names without a state, and the most tags. */
  readonly maxStates: number;
  /** In UTF-16 units; also of a tag. */
  readonly maxNameLength: number;
}

export const SCHEMA_LIMITS: SchemaLimits = {
  maxStates: 1_000_000,
  maxNameLength: MAX_NAME_LENGTH,
};

/** `names` has each state of `schema` once, in index order. */
export function toWireSchema(schema: Schema, names: readonly string[]): WireSchema {
  const shared: number[] = [];
  const suffixes: string[] = [];
  const flags = new Uint8Array(names.length);
  const relations: number[] = [];
  const unknown: string[] = [];
  const tags: statesource.v1.IStateTags[] = [];
  const indexByName = new Map(names.map((name, index) => [name, index]));
  const indexOf = (name: string): number => {
    let index = indexByName.get(name);
    if (index === undefined) {
      index = names.length + unknown.push(name) - 1;
      indexByName.set(name, index);
    }
    return index;
  };
  let previous = "";
  names.forEach((name, index) => {
    const length = sharedLength(previous, name);
    shared.push(length);
    suffixes.push(name.slice(length));
    previous = name;
    const state = schema[name] ?? {};
    let flag = (state.auto ? AUTO : 0) | (state.multi ? MULTI : 0);
    for (const [relation, bit] of RELATIONS) {
      const list = state[relation];
      if (list === undefined) continue;
      flag |= bit;
      relations.push(list.length);
      let before = index;
      for (const target of list) {
        relations.push(indexOf(target) - before);
        before = indexOf(target);
      }
    }
    flags[index] = flag;
    if (state.tags !== undefined) tags.push({ index, tags: [...state.tags] });
  });
  return { shared, suffixes, flags, relations, unknown, tags };
}

/** Throws {@linkcode ReplicationError} (`data_loss`) for what {@linkcode toWireSchema} cannot return, and beyond `limits`. */
export function fromWireSchema(
  wire: WireSchema,
  limits: SchemaLimits = SCHEMA_LIMITS,
): { schema: Schema; names: string[] } {
  const {
    shared = [],
    suffixes = [],
    flags = new Uint8Array(0),
    relations = [],
    unknown = [],
  } = wire as Required<WireSchema>;
  const size = suffixes!.length;
  if (size > limits.maxStates) throw broken(`it has ${size} states, more than ${limits.maxStates}`);
  if (shared!.length !== size || flags!.length !== size) throw broken("its lists differ in length");
  const names = decodeNames(shared!, suffixes!, limits);
  checkNames("required name", unknown!, limits);
  const allNames = names.concat(unknown!);
  let place = 0;
  const next = (): number => {
    const value = relations![place++];
    if (value === undefined) throw broken("its relations end too early");
    return value;
  };
  const states = names.map((name, index): [string, StateDefinition] => {
    const flag = flags![index]!;
    if (flag > ALL_FLAGS) throw broken(`the flags of "${name}" are ${flag}`);
    const state: Record<string, unknown> = {};
    if (flag & AUTO) state.auto = true;
    if (flag & MULTI) state.multi = true;
    for (const [relation, bit] of RELATIONS) {
      if (!(flag & bit)) continue;
      const length = next();
      if (length < 0 || length > relations!.length - place)
        throw broken(`a relation of "${name}" has length ${length}`);
      const list: string[] = [];
      let before = index;
      for (let i = 0; i < length; i++) {
        before += next();
        const target = allNames[before];
        if (target === undefined)
          throw broken(`a relation of "${name}" names state ${before} of ${allNames.length}`);
        list.push(target);
      }
      state[relation] = list;
    }
    return [name, state];
  });
  if (place !== relations!.length) throw broken("it has relations of no state");
  const tagged = (wire.tags ?? []) as Required<statesource.v1.IStateTags>[];
  checkNames(
    "tag",
    tagged.flatMap(({ tags }) => tags ?? []),
    limits,
  );
  for (const { index, tags } of tagged) {
    const entry = states[index ?? 0];
    if (entry === undefined) throw broken(`it has tags of state ${index}`);
    entry[1] = { ...entry[1], tags: tags ?? [] };
  }
  return { schema: Object.fromEntries(states), names };
}

function decodeNames(
  shared: readonly number[],
  suffixes: readonly string[],
  limits: SchemaLimits,
): string[] {
  let previous = "";
  const names = suffixes.map((suffix, index) => {
    const length = shared[index]!;
    if (length > previous.length)
      throw broken(`name ${index} shares more than the one before it has`);
    const name = previous.slice(0, length) + suffix;
    if (name === "" || name.length > limits.maxNameLength) {
      throw broken(`name ${index} has ${name.length} characters, not 1 to ${limits.maxNameLength}`);
    }
    previous = name;
    return name;
  });
  if (new Set(names).size !== names.length) throw broken("two states have the same name");
  return names;
}

function checkNames(what: string, names: readonly string[], limits: SchemaLimits): void {
  if (names.length > limits.maxStates)
    throw broken(`it has ${names.length} ${what}s, more than ${limits.maxStates}`);
  const wrong = names.find((name) => name === "" || name.length > limits.maxNameLength);
  if (wrong !== undefined)
    throw broken(`a ${what} has ${wrong.length} characters, not 1 to ${limits.maxNameLength}`);
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a.charCodeAt(length) === b.charCodeAt(length)) length++;
  // Never split a surrogate pair: a suffix must be valid UTF-16.
  const last = a.charCodeAt(length - 1);
  return length > 0 && last >= 0xd800 && last <= 0xdbff ? length - 1 : length;
}

function broken(reason: string): ReplicationError {
  return new ReplicationError("data_loss", `Cannot read the schema: ${reason}`);
}

/** Encodes the result of {@linkcode toWireSchema}. */
export function encodeSchema(schema: Schema, names: readonly string[]): Uint8Array {
  return statesource.v1.Schema.encode(toWireSchema(schema, names)).finish();
}

/**
 * The schema hash of a machine, a replica's clock or a machine on it: equal where schema and index order are equal.
 * 16 hex digits, the same that nodes send each other.
 */
export function schemaHash(view: {
  readonly schema: Schema;
  readonly names: readonly string[];
}): string {
  return hashSchema(view.schema, view.names);
}

/** The schema hash of SPEC.md: 16 hex digits. */
export function hashSchema(schema: Schema, names: readonly string[]): string {
  return hashBytes(encodeSchema(schema, names));
}
