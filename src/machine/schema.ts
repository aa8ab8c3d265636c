/** Schemas: the named states of a machine with their properties and relations, and the parsing of schemas. */

import { MachineError } from "./errors.ts";
import { likelyNames } from "./nearest_names.ts";

/** The state that every machine has, active after an error. */
export const EXCEPTION = "Exception";

/** One state. Relations name other states of the same schema. */
export interface StateDefinition<N extends string = string> {
  /** The machine tries to activate it after every transition that moved the clock. Default false. */
  readonly auto?: boolean;
  /** Calling it again while it is active moves its tick by 2 and runs its handlers again. Default false. */
  readonly multi?: boolean;
  /** States without which it can neither become nor stay active. */
  readonly require?: readonly N[];
  /** States that activate along with it, if their own relations permit. */
  readonly add?: readonly N[];
  /** States that it deactivates, or prevents from activating. */
  readonly remove?: readonly N[];
  /** States whose handlers run before its own if both move; has no effect on which states are active. */
  readonly after?: readonly N[];
  /** Free labels, `tag` or `tag:value`, that do not affect behaviour. */
  readonly tags?: readonly string[];
}

export type Schema<N extends string = string> = Readonly<Record<N, StateDefinition<N>>>;

/** The state names of a schema type; of a union of schemas, the names of all. */
export type StateName<S> = S extends unknown ? Extract<keyof S, string> : never;

export const RELATIONS = ["require", "add", "remove", "after"] as const;
export type Relation = (typeof RELATIONS)[number];

const PROPERTIES: readonly string[] = ["auto", "multi", ...RELATIONS, "tags"];

/**
 * Returns `schema` unchanged, and infers its state names, so that a relation to a state outside it does
 * not compile, nor does a misspelt property. Relations may name `Exception` even if it is not defined.
 */
export function defineSchema<const S extends Record<string, StateDefinition>>(
  schema: S & {
    readonly [K in keyof S]: StateDefinition<StateName<S> | typeof EXCEPTION> & {
      readonly [P in Exclude<keyof S[K], keyof StateDefinition>]: never;
    };
  },
): Schema<StateName<S>> {
  return schema as Schema<StateName<S>>;
}

/** The result of {@linkcode parseSchema}. */
export interface ParsedSchema {
  /** Cleaned up, with `Exception`, frozen. Unknown names remain only in `require`; such a state never activates. */
  readonly schema: Schema;
  /** One per contradiction; the schema can still be used. */
  readonly errors: readonly MachineError[];
}

/**
 * Cleans up a schema: drops a state's own name from Remove and After and unknown names from all relations
 * but Require, lets Add win over Remove, adds `Exception` if it is missing. An `Exception` that
 * the schema does not define counts as an unknown name.
 * Throws `TypeError` for a value that is not a schema.
 */
export function parseSchema(schema: Schema): ParsedSchema {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) {
    const shown = JSON.stringify(schema) ?? String(schema);
    throw new TypeError(`Cannot read the schema: it is ${shown}, not an object of states`);
  }
  const parsed: Record<string, StateDefinition> = {};
  const errors: MachineError[] = [];
  const isKnown = (name: string) => Object.hasOwn(schema, name);
  for (const [name, given] of Object.entries(schema)) {
    checkState(name, given);
    const state: Record<string, unknown> = { ...given };
    if (given.tags !== undefined) state.tags = [...given.tags];
    const remove = without(given.remove, name);
    const add = given.add?.filter((other) => {
      const removed = remove?.indexOf(other) ?? -1;
      if (removed >= 0) remove!.splice(removed, 1);
      return isKnown(other);
    });
    const conflicts = (given.require ?? []).filter((other) => remove?.includes(other));
    if (conflicts.length > 0) {
      errors.push(
        new MachineError(
          "invalid_schema",
          `Cannot satisfy state "${name}": it both requires and removes "${conflicts.join('", "')}"`,
          { states: [name, ...conflicts] },
        ),
      );
    }
    if (add !== undefined) state.add = add;
    if (remove !== undefined) state.remove = remove.filter(isKnown);
    if (given.after !== undefined) state.after = without(given.after, name)!.filter(isKnown);
    if (given.require !== undefined) state.require = [...given.require];
    for (const value of Object.values(state)) Object.freeze(value);
    parsed[name] = Object.freeze(state as StateDefinition);
  }
  if (!isKnown(EXCEPTION)) parsed[EXCEPTION] = Object.freeze({ multi: true });
  return { schema: Object.freeze(parsed), errors };
}

/** Checks the types of a state at run time, as schemas can come from a file. */
function checkState(name: string, given: unknown): void {
  const refuse = (what: string, value: unknown, expected: string): never => {
    const shown = JSON.stringify(value) ?? String(value);
    throw new TypeError(`Cannot read state "${name}": ${what} is ${shown}, not ${expected}`);
  };
  if (typeof given !== "object" || given === null || Array.isArray(given))
    refuse("it", given, "an object");
  const state = given as Record<string, unknown>;
  for (const property of Object.keys(state)) {
    if (PROPERTIES.includes(property)) continue;
    const nearest = likelyNames(property, PROPERTIES);
    const hint =
      nearest.length > 0
        ? `the nearest are "${nearest.join('", "')}"`
        : `its properties are ${PROPERTIES.join(", ")}`;
    throw new TypeError(`Cannot read state "${name}": it has no property "${property}"; ${hint}`);
  }
  for (const property of ["auto", "multi"]) {
    const value = state[property];
    if (value !== undefined && typeof value !== "boolean") refuse(property, value, "a boolean");
  }
  for (const property of [...RELATIONS, "tags"]) {
    const value = state[property];
    if (value === undefined) continue;
    if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
      refuse(property, value, "a list of strings");
  }
}

/** A copy of `list` without the first occurrence of `item`. */
function without(list: readonly string[] | undefined, item: string): string[] | undefined {
  if (list === undefined) return undefined;
  const copy = [...list];
  const at = copy.indexOf(item);
  if (at >= 0) copy.splice(at, 1);
  return copy;
}

/** Sorts names by their UTF-8 bytes, which is code point order: the default index order. */
export function sortNames(names: Iterable<string>): string[] {
  const encoder = new TextEncoder();
  return [...names]
    .map((name) => ({ name, bytes: encoder.encode(name) }))
    .sort((a, b) => compareBytes(a.bytes, b.bytes))
    .map(({ name }) => name);
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}
