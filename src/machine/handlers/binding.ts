/** Bindings: sets of handlers, sorted by the states and kinds that their names consist of. */

import { MachineError } from "../errors.ts";
import type { HandlerEvent } from "../machine.ts";
import { likelyNames } from "../nearest_names.ts";
import type { CompiledSchema } from "../resolver/compiled_schema.ts";

/** A handler, bound to its object. */
export interface BoundHandler {
  readonly name: string;
  readonly run: (event: HandlerEvent) => unknown;
  /** Final handlers cannot veto. Only the name's suffix decides, even for a pair. */
  readonly isFinal: boolean;
}

type ByState = Map<number, BoundHandler>;

/** The kinds of handlers for one state. */
export const STATE_HANDLERS = ["Enter", "Exit", "State", "End"] as const;
export type StateHandlerKind = (typeof STATE_HANDLERS)[number];

/** One bound set, as maps from state indexes to handlers. */
export interface Binding {
  readonly id: string;
  readonly Enter: ByState;
  readonly Exit: ByState;
  readonly State: ByState;
  readonly End: ByState;
  /** From an active state to a state of the target. */
  readonly pairs: ReadonlyMap<number, ByState>;
  readonly anyEnter: BoundHandler | undefined;
  readonly anyState: BoundHandler | undefined;
}

type AnyHandler = (event: HandlerEvent) => unknown;

/**
 * Sorts handlers by their names. Throws {@linkcode MachineError} for a name that fits no state; in an
 * instance of a class, fields and methods whose names do not end like a handler's are its own affair.
 * A pair can also have a flat name, `FooBar`, if both parts are states.
 */
export function compileBinding(
  schema: CompiledSchema,
  handlers: Readonly<Record<string, unknown>>,
  id: string,
  prefix = "",
): Binding {
  const binding = {
    id,
    Enter: new Map(),
    Exit: new Map(),
    State: new Map(),
    End: new Map(),
    pairs: new Map<number, ByState>(),
    anyEnter: undefined as BoundHandler | undefined,
    anyState: undefined as BoundHandler | undefined,
  };
  const addPair = (from: number, to: number, name: string, run: AnyHandler): void => {
    let pairs = binding.pairs.get(from);
    if (pairs === undefined) {
      pairs = new Map();
      binding.pairs.set(from, pairs);
    }
    const isFinal = isFinalName(name);
    if (!isFinal) refuseAsync(name, run);
    pairs.set(to, { name, run, isFinal });
  };
  const values = handlerValues(handlers);
  const isInstance = isClassInstance(handlers);
  for (const [name, value] of values) {
    if (!name.startsWith(prefix)) continue;
    const bare = name.slice(prefix.length);
    if (typeof value === "object" && value !== null) {
      if (isInstance && !schema.indexByName.has(bare)) continue;
      compilePairs(schema, bare, value as Record<string, AnyHandler>, addPair);
      continue;
    }
    if (typeof value !== "function") continue;
    const run = (value as AnyHandler).bind(handlers);
    const handler = { name: bare, run, isFinal: isFinalName(bare) };
    let fits = true;
    if (bare === "AnyEnter") binding.anyEnter = handler;
    else if (bare === "AnyState") binding.anyState = handler;
    else fits = false;
    for (const kind of STATE_HANDLERS) {
      const state = bare.endsWith(kind)
        ? schema.indexByName.get(bare.slice(0, -kind.length))
        : undefined;
      if (state === undefined) continue;
      binding[kind].set(state, handler);
      fits = true;
    }
    for (const [from, to] of splitPair(schema, bare)) {
      addPair(from, to, bare, run);
      fits = true;
    }
    if (!fits && prefix === "" && !(isInstance && !hasHandlerSuffix(bare)))
      throw unknownHandler(schema, bare);
    if (fits && !handler.isFinal) refuseAsync(bare, run);
  }
  return binding;
}

function compilePairs(
  schema: CompiledSchema,
  fromName: string,
  pairs: Record<string, AnyHandler>,
  addPair: (from: number, to: number, name: string, run: AnyHandler) => void,
): void {
  const from = schema.indexByName.get(fromName);
  for (const [toName, run] of Object.entries(pairs)) {
    const to = schema.indexByName.get(toName);
    if (from === undefined || to === undefined) {
      throw unknownHandler(schema, from === undefined ? fromName : toName);
    }
    const name = `${fromName}${toName}`;
    if (typeof run !== "function") throw notFunction(name, String(run));
    addPair(from, to, name, run.bind(pairs));
  }
}

/**
 * The values that can be handlers, by name: own properties, and methods of the object's class, so that an
 * instance can be a set of handlers. Evaluates no getter. Throws `TypeError` for what is not an object, and
 * {@linkcode MachineError} for a getter that is named like a handler.
 */
export function handlerValues(handlers: object): ReadonlyMap<string, unknown> {
  if (typeof handlers !== "object" || handlers === null)
    throw new TypeError(`Cannot bind handlers: ${String(handlers)} is not an object`);
  const values = new Map<string, unknown>();
  const add = (holder: object, name: string) => {
    if (values.has(name)) return;
    const property = Object.getOwnPropertyDescriptor(holder, name)!;
    if (property.get === undefined && property.set === undefined) values.set(name, property.value);
    else if (hasHandlerSuffix(name)) throw notFunction(name, "a getter");
  };
  for (const name of Object.keys(handlers)) add(handlers, name);
  for (
    let prototype = Object.getPrototypeOf(handlers);
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype))
      if (name !== "constructor") add(prototype, name);
  }
  return values;
}

/** Whether the object was made by a class: then it may have members that are no handlers. */
export function isClassInstance(handlers: object): boolean {
  const prototype = Object.getPrototypeOf(handlers);
  return prototype !== null && prototype !== Object.prototype;
}

/** Whether a name ends like that of a handler for one state. */
export function hasHandlerSuffix(name: string): boolean {
  return STATE_HANDLERS.some((kind) => name.endsWith(kind));
}

function notFunction(name: string, what: string): MachineError {
  return new MachineError(
    "invalid_argument",
    `Cannot bind handler "${name}": it is ${what}, not a function`,
  );
}

/** Refuses an async function, which a transition cannot wait for. One in another guise is found when it runs. */
function refuseAsync(name: string, run: AnyHandler): void {
  if (Object.prototype.toString.call(run) !== "[object AsyncFunction]") return;
  throw new MachineError(
    "invalid_argument",
    `Cannot bind handler "${name}": it is async, and a handler that can veto must return its verdict at once`,
  );
}

function isFinalName(name: string): boolean {
  return name.endsWith("State") || name.endsWith("End");
}

/** Every way to split a name into two states. */
function splitPair(schema: CompiledSchema, name: string): [from: number, to: number][] {
  const pairs: [number, number][] = [];
  for (let i = 1; i < name.length; i++) {
    const from = schema.indexByName.get(name.slice(0, i));
    const to = from === undefined ? undefined : schema.indexByName.get(name.slice(i));
    if (from !== undefined && to !== undefined) pairs.push([from, to]);
  }
  return pairs;
}

function unknownHandler(schema: CompiledSchema, name: string): MachineError {
  if (name === "AnyExit" || name === "AnyEnd") {
    return new MachineError(
      "unknown_state",
      `Cannot bind handler "${name}": a transition calls only AnyEnter and AnyState for any state`,
      { states: ["Any"] },
    );
  }
  const known = schema.names.flatMap((state) => STATE_HANDLERS.map((kind) => `${state}${kind}`));
  const nearest = likelyNames(name, known.concat(schema.names));
  const hint = nearest.length > 0 ? `; the nearest are "${nearest.join('", "')}"` : "";
  return new MachineError(
    "unknown_state",
    `Cannot bind handler "${name}": its name does not consist of known states and Enter, Exit, State or End${hint}`,
    { states: [name] },
  );
}
