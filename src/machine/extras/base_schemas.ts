/**
 * Schemas that many machines share, for merging into other schemas: `mergeSchemas(BASIC, {…})`. Each
 * has a definition of its names, from which `collectStates` derives an index order.
 */

import type { Handlers, Machine } from "../machine.ts";
import { defineSchema, type Schema, type StateDefinition, type StateName } from "../schema.ts";
import { defineStates, type StatesDefinition } from "./groups.ts";

/** The states of every machine. */
export const BASE_STATES: StatesDefinition<"Exception"> = defineStates("Base", ["Exception"], {
  isBase: true,
});

type BasicName =
  | "Exception"
  | "ErrNetwork"
  | "ErrHandlerTimeout"
  | "Start"
  | "Ready"
  | "Healthcheck"
  | "Heartbeat";

export const BASIC_STATES: StatesDefinition<BasicName> = defineStates("Basic", [
  BASE_STATES,
  "ErrNetwork",
  "ErrHandlerTimeout",
  "Start",
  "Ready",
  "Healthcheck",
  "Heartbeat",
]);

/** A machine that starts, becomes ready and shows signs of life, with two common errors. */
export const BASIC: Schema<BasicName> = defineSchema({
  Exception: { multi: true },
  ErrNetwork: { multi: true, add: ["Exception"], require: ["Exception"] },
  ErrHandlerTimeout: { multi: true, add: ["Exception"], require: ["Exception"] },
  Start: {},
  Ready: { require: ["Start"] },
  Healthcheck: { multi: true },
  Heartbeat: {},
});

export const STATE_SOURCE_STATES: StatesDefinition<"Exception" | "ErrOnClient"> = defineStates(
  "StateSource",
  [BASE_STATES, "ErrOnClient"],
);

/** A machine that others replicate: the error that a replica reports back. */
export const STATE_SOURCE: Schema<"ErrOnClient"> = definePart({
  ErrOnClient: { require: ["Exception"] },
});

type DisposedName = "RegisterDisposal" | "Disposing" | "Disposed";

export const DISPOSED_STATES: StatesDefinition<"Exception" | DisposedName> = defineStates(
  "Disposed",
  [BASE_STATES, "RegisterDisposal", "Disposing", "Disposed"],
);

/** Disposal as states, for {@linkcode handleDisposal}: adding `Disposing` ends the machine. Needs a `Start`, such as that of BASIC. */
export const DISPOSED: Schema<DisposedName> = definePart({
  RegisterDisposal: { multi: true },
  Disposing: { remove: ["Start", "Exception"] },
  Disposed: { remove: ["Start", "Exception", "Disposing"] },
});

type ConnectedName =
  | "ErrConnecting"
  | "Connecting"
  | "Connected"
  | "Disconnecting"
  | "Disconnected";

export const CONNECTED_STATES: StatesDefinition<"Exception" | ConnectedName> = defineStates(
  "Connected",
  ["ErrConnecting", "Connecting", "Connected", "Disconnecting", "Disconnected", BASE_STATES],
);

const CONNECTION = ["Connecting", "Connected", "Disconnecting", "Disconnected"] as const;

/** One connection, always in one of four states. Needs a `Start`, such as that of BASIC. */
export const CONNECTED: Schema<ConnectedName> = definePart({
  ErrConnecting: { require: ["Exception"] },
  Connecting: { require: ["Start"], remove: CONNECTION },
  Connected: { require: ["Start"], remove: CONNECTION },
  Disconnecting: { remove: CONNECTION },
  Disconnected: { auto: true, remove: CONNECTION },
});

type ConnPoolName = ConnectedName | "ConnectedFully";

export const CONN_POOL_STATES: StatesDefinition<"Exception" | ConnPoolName> = defineStates(
  "ConnPool",
  [
    "ErrConnecting",
    "Connecting",
    "Connected",
    "ConnectedFully",
    "Disconnecting",
    "Disconnected",
    BASE_STATES,
  ],
);

/** Several connections: Connected from the first one on, ConnectedFully with all. Needs a `Start`, such as that of BASIC. */
export const CONN_POOL: Schema<ConnPoolName> = definePart({
  ErrConnecting: { require: ["Exception"] },
  Connecting: { require: ["Start"], remove: ["Disconnecting"] },
  Connected: { require: ["Start"], remove: ["Disconnected"] },
  ConnectedFully: { require: ["Connected"], remove: ["Disconnected"] },
  Disconnecting: { remove: ["ConnectedFully", "Connected", "Connecting"] },
  Disconnected: { remove: ["Connecting", "ConnectedFully", "Disconnecting"] },
});

/** Args for adding `RegisterDisposal`. */
export interface RegisterDisposalArgs {
  /** Called and awaited during disposal. */
  readonly dispose: () => unknown;
}

/**
 * Binds handlers for the states of {@linkcode DISPOSED}: `RegisterDisposal` registers a function;
 * `Disposing` calls the registered functions in order, awaits each, and then adds `Disposed`, which disposes
 * the machine. An error thrown by such a function becomes an error of the machine; the others still run.
 * Returns a function that removes the handlers. Throws `MachineError` if the machine lacks the states.
 */
export function handleDisposal<N extends string, A>(machine: Machine<N, A>): () => void {
  const disposals: (() => unknown)[] = [];
  const handlers: Handlers<StateName<typeof DISPOSED>> = {
    RegisterDisposalEnter({ args, machine, isCheck }) {
      if (typeof args?.dispose === "function") return true;
      const error = new TypeError(
        `Cannot register a disposal: "dispose" is ${typeof args?.dispose}, not a function`,
      );
      if (!isCheck) machine.addErr(error);
      return false;
    },
    RegisterDisposalState({ args }) {
      disposals.push(args!.dispose as () => unknown);
    },
    async DisposingState({ machine }) {
      // Lets the current transition end first, so that the functions see the machine after it.
      await machine.whenQueueEnd();
      for (const dispose of disposals.splice(0)) {
        try {
          await dispose();
        } catch (thrown) {
          machine.addErr(thrown);
        }
      }
      machine.add("Disposed");
    },
    DisposedState({ machine }) {
      void machine.dispose();
    },
  };
  return machine.bind(handlers);
}

/** A schema for merging: its relations may name states of other schemas. */
function definePart<const S extends Record<string, StateDefinition>>(
  schema: S,
): Schema<StateName<S>> {
  return schema as unknown as Schema<StateName<S>>;
}
