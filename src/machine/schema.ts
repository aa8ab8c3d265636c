/** Schemas: the named states of a machine, their properties and relations; parsing and merging. */

import { MachineError } from "./errors.ts";

/** The state that every machine has: something went wrong. */
export const EXCEPTION = "Exception";

/** One state. Relations name other states of the same schema. */
export interface StateDefinition<N extends string = string> {
  /** Asks for activation by itself after every transition that moved the clock. Default false. */
  readonly auto?: boolean;
  /** May be called again while active: its tick grows by 2 and its handlers run again. Default false. */
  readonly multi?: boolean;
  /** States that must be active with it; without one of them it cannot be, or stay, active. */
  readonly require?: readonly N[];
  /** States that its activation brings along, where their own relations let them. */
  readonly add?: readonly N[];
  /** States that it deactivates, or keeps from activating. */
  readonly remove?: readonly N[];
  /** States whose handlers run before its own, as far as both move; says nothing about which are active. */
  readonly after?: readonly N[];
  /** Free labels, `tag` or `tag:value`; without effect on behaviour. */
  readonly tags?: readonly string[];
}

export type Schema<N extends string = string> = Readonly<Record<N, StateDefinition<N>>>;

/** The state names of a schema type; of a union of schemas, the names of all. */
export type StateName<S> = S extends unknown ? Extract<keyof S, string> : never;

export const RELATIONS = ["require", "add", "remove", "after"] as const;
export type Relation = (typeof RELATIONS)[number];

/**
 * Returns `schema` as it is, with its state names inferred, so that a relation to a state that is
 * not in it does not compile. `Exception` may be named without being defined.
 */
export function defineSchema<const S extends Record<string, StateDefinition>>(
  schema: S & { readonly [K in keyof S]: StateDefinition<StateName<S> | typeof EXCEPTION> },
): Schema<StateName<S>> {
  return schema as Schema<StateName<S>>;
}

/** What {@linkcode parseSchema} makes of a schema. */
export interface ParsedSchema {
  /** Cleaned up, `Exception` included. An unknown name can only be left in `require`: such a state never activates. */
  readonly schema: Schema;
  /** One per contradiction found; the schema can be used all the same. */
  readonly errors: readonly MachineError[];
}

/**
 * Cleans up a schema: drops a state's relation to itself (Require excepted) and unknown names (Require
 * excepted), lets Add win over Remove, adds `Exception` where it is missing.
 * Names are known before `Exception` is added, so a relation to an undefined `Exception` is dropped as well.
 * Throws `TypeError` for what is no schema.
 */
export function parseSchema(schema: Schema): ParsedSchema {
  const parsed: Record<string, StateDefinition> = {};
  const errors: MachineError[] = [];
  const isKnown = (name: string) => Object.hasOwn(schema, name);
  for (const [name, given] of Object.entries(schema)) {
    checkState(name, given);
    const state: Record<string, unknown> = { ...given };
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
    parsed[name] = state as StateDefinition;
  }
  if (!isKnown(EXCEPTION)) parsed[EXCEPTION] = { multi: true };
  return { schema: parsed, errors };
}

/** Schemas can come from a file: what the compiler cannot see is told here, by name. */
function checkState(name: string, given: unknown): void {
  const refuse = (what: string, value: unknown, expected: string): never => {
    const shown = JSON.stringify(value) ?? String(value);
    throw new TypeError(`Cannot read state "${name}": ${what} is ${shown}, not ${expected}`);
  };
  if (typeof given !== "object" || given === null || Array.isArray(given))
    refuse("it", given, "an object");
  const state = given as Record<string, unknown>;
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

/** A copy of `list` without the first `item`. */
function without(list: readonly string[] | undefined, item: string): string[] | undefined {
  if (list === undefined) return undefined;
  const copy = [...list];
  const at = copy.indexOf(item);
  if (at >= 0) copy.splice(at, 1);
  return copy;
}

/** All names in bytewise order, the default index order. Names compare by UTF-8 bytes, which is code point order. */
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
