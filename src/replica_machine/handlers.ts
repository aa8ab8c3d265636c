/** Handlers on a replica: which ones can be bound, and a bound set by state name. */

import {
  handlerValues,
  hasHandlerSuffix,
  isClassInstance,
  MachineError,
  nearestNames,
} from "../machine/mod.ts";
import type { ReplicaEvent } from "./event.ts";

/** Receives a state's flip. Errors, thrown or rejected, go to `onError`. */
export type ReplicaHandler<N extends string, S extends N | undefined> = (
  event: ReplicaEvent<N, S>,
) => void | Promise<void>;

/**
 * The final handlers of a machine, under the same names: `FooState` and `FooEnd`, and `AnyState` for
 * each change. Negotiation handlers (`FooEnter`, `FooExit`, `AnyEnter`, `AnyExit`, pairs of states)
 * run only at the source.
 */
export type ReplicaHandlers<N extends string = string> = {
  readonly [K in N as `${K}State` | `${K}End`]?: ReplicaHandler<N, K>;
} & {
  readonly AnyState?: ReplicaHandler<N, undefined>;
} & (string extends N
    ? unknown
    : { readonly [K in Exclude<Negotiation<N>, `${N}State` | `${N}End`>]?: never });

type Negotiation<N extends string> = N | `${N}Enter` | `${N}Exit` | "AnyEnter" | "AnyExit";

export interface ReplicaBindOptions {
  /** Names the binding for tracers; default `handlers-1`, `handlers-2`, … */
  readonly id?: string;
  /** Binds only handlers whose name starts with this prefix, which is removed from the name. */
  readonly prefix?: string;
  /**
   * Whether State handlers also receive the states that are already active: immediately, or with the
   * first clock. Default false: they receive only later flips, like handlers of a machine.
   */
  readonly includeActive?: boolean;
}

export interface BoundReplicaHandler {
  readonly name: string;
  readonly run: (event: ReplicaEvent) => unknown;
}

type ByState = ReadonlyMap<string, BoundReplicaHandler>;

/** One bound set, looked up by state name. */
export interface ReplicaBinding {
  readonly id: string;
  readonly State: ByState;
  readonly End: ByState;
  readonly anyState: BoundReplicaHandler | undefined;
  readonly includeActive: boolean;
  /** Whether handlers for missing states are allowed, because the set serves several machines. */
  readonly isPartial: boolean;
  isRemoved: boolean;
}

/** Sorts handlers by name, without a check that their states exist. Throws `MachineError` for a handler that is not final. */
export function compileReplicaBinding(
  machineId: string,
  handlers: Readonly<Record<string, unknown>>,
  id: string,
  options: ReplicaBindOptions,
): ReplicaBinding {
  const { prefix = "", includeActive = false } = options;
  const State = new Map<string, BoundReplicaHandler>();
  const End = new Map<string, BoundReplicaHandler>();
  let anyState: BoundReplicaHandler | undefined;
  const values = handlerValues(handlers);
  const isInstance = isClassInstance(handlers);
  for (const [fullName, value] of values) {
    const isPair = typeof value === "object" && value !== null;
    if (!fullName.startsWith(prefix) || !(isPair || typeof value === "function")) continue;
    const name = fullName.slice(prefix.length);
    // A class may have members that are no handlers.
    if (isInstance && !hasHandlerSuffix(name)) continue;
    const kind = isPair ? undefined : /^(.*)(State|End)$/s.exec(name);
    if (kind === null || kind === undefined) throw notFinal(machineId, name);
    const run = (value as BoundReplicaHandler["run"]).bind(handlers);
    if (name === "AnyState") anyState = { name, run };
    (kind[2] === "State" ? State : End).set(kind[1]!, { name, run });
  }
  return { id, State, End, anyState, includeActive, isPartial: prefix !== "", isRemoved: false };
}

/** One error for each handler whose state is not among `names`. */
export function unknownHandlers(
  machineId: string,
  { State, End, anyState, isPartial }: ReplicaBinding,
  names: readonly string[],
): MachineError[] {
  if (isPartial) return [];
  const known = new Set(names);
  return [...State, ...End]
    .filter(([state, { name }]) => !known.has(state) && name !== anyState?.name)
    .map(([state, { name }]) => {
      const nearest = nearestNames(state, names);
      const hint = nearest.length > 0 ? `; the nearest are "${nearest.join('", "')}"` : "";
      return new MachineError(
        "unknown_state",
        `Cannot call handler "${name}": the clock of "${machineId}" does not hold state "${state}"${hint}`,
        { states: [state] },
      );
    });
}

function notFinal(machineId: string, name: string): MachineError {
  return new MachineError(
    "invalid_argument",
    `Cannot bind handler "${name}" to "${machineId}": a replica runs only final handlers, FooState, FooEnd and AnyState; handlers that can veto belong to the source`,
  );
}
