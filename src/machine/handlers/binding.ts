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
 * Sorts handlers by their names. Throws {@linkcode MachineError} for a name that fits no state.
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
  for (const name of handlerNames(handlers)) {
    if (!name.startsWith(prefix)) continue;
    const value = handlers[name];
    const bare = name.slice(prefix.length);
    if (typeof value === "object" && value !== null) {
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
    if (!fits && prefix === "") throw unknownHandler(schema, bare);
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
    addPair(from, to, `${fromName}${toName}`, run.bind(pairs));
  }
}

/** Names of own properties, and of methods of the object's class, so that an instance can be a set of handlers. */
export function handlerNames(handlers: object): string[] {
  const names = new Set(Object.keys(handlers));
  for (
    let prototype = Object.getPrototypeOf(handlers);
    prototype !== null && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    for (const name of Object.getOwnPropertyNames(prototype))
      if (name !== "constructor") names.add(name);
  }
  return [...names];
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
