/** Handlers: functions that a transition asks (negotiation) or tells (final), bound by the names of states. */

import type { CompiledSchema } from "./compiled_schema.ts";
import { MachineError } from "./errors.ts";
import type { HandlerEvent } from "./handler_event.ts";
import { likelyNames } from "./nearest_names.ts";

type ArgsOf<A, S> = S extends keyof A ? A[S] : Record<string, unknown>;

/** May veto the transition by returning `false`. Asked before anything changes; must not be async. */
export type NegotiationHandler<N extends string = string, T = Record<string, unknown>> = (
  event: HandlerEvent<N, T>,
) => boolean | undefined | void;

/** Told after the ticks moved. What an async one throws becomes an error of the machine, unless the event's signal has aborted. */
export type FinalHandler<N extends string = string, T = Record<string, unknown>> = (
  event: HandlerEvent<N, T>,
) => void | Promise<void>;

/**
 * A set of handlers: `FooEnter` and `FooExit` (negotiation), `FooState` and `FooEnd` (final), `AnyEnter`
 * and `AnyState` (each transition), and for pairs of states `Foo: { Bar() {…} }`: negotiation from an
 * active Foo towards a target that has Bar; `Foo: { Foo() {…} }` when Foo is active and stays.
 */
export type Handlers<N extends string = string, A = unknown> = {
  readonly [K in N as `${K}Enter` | `${K}Exit`]?: NegotiationHandler<N, ArgsOf<A, K>>;
} & {
  readonly [K in N as `${K}State` | `${K}End`]?: FinalHandler<N, ArgsOf<A, K>>;
} & {
  readonly [K in N]?: { readonly [T in N]?: NegotiationHandler<N> };
} & {
  readonly AnyEnter?: NegotiationHandler<N>;
  readonly AnyState?: FinalHandler<N>;
};

/** Options of a binding. */
export interface BindOptions {
  /** Names the binding for tracers; default `handlers-1`, `handlers-2`, … */
  readonly id?: string;
  /** Binds only handlers whose name starts with it, without it: for one object that serves several machines. */
  readonly prefix?: string;
}

/** Any handler, once its name has been sorted out. */
export interface BoundHandler {
  readonly name: string;
  readonly run: (event: HandlerEvent) => unknown;
  /** The suffix decides, also of a pair's name: final handlers cannot veto. */
  readonly isFinal: boolean;
}

type ByState = Map<number, BoundHandler>;

/** Kinds of handlers for one state. */
export const STATE_HANDLERS = ["Enter", "Exit", "State", "End"] as const;
export type StateHandlerKind = (typeof STATE_HANDLERS)[number];

/** One bound set, looked up by state index. */
export interface Binding {
  readonly id: string;
  readonly Enter: ByState;
  readonly Exit: ByState;
  readonly State: ByState;
  readonly End: ByState;
  /** From an active state to one of the target. */
  readonly pairs: ReadonlyMap<number, ByState>;
  readonly anyEnter: BoundHandler | undefined;
  readonly anyState: BoundHandler | undefined;
}

type AnyHandler = (event: HandlerEvent) => unknown;

/**
 * Sorts handlers by their names. Throws {@linkcode MachineError} for a name that fits no state.
 * A pair can also be named flat, `FooBar`, as long as both parts are states.
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
    pairs.set(to, { name, run, isFinal: isFinalName(name) });
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
    else fits = bare === "AnyExit" || bare === "AnyEnd";
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

/** Own names, and those of an instance's class, so that a class can be a set of handlers. */
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

function isFinalName(name: string): boolean {
  return name.endsWith("State") || name.endsWith("End");
}

/** Every way to read a name as two states. */
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
  const known = schema.names.flatMap((state) => STATE_HANDLERS.map((kind) => `${state}${kind}`));
  const nearest = likelyNames(name, known.concat(schema.names));
  const hint = nearest.length > 0 ? `; the nearest are "${nearest.join('", "')}"` : "";
  return new MachineError(
    "unknown_state",
    `Cannot bind handler "${name}": its name is not made of known states and Enter, Exit, State or End${hint}`,
    { states: [name] },
  );
}
