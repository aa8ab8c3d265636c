/** Machines, and handlers that log or fail, for tests. */

import {
  type BindOptions,
  createMachine,
  type HandlerEvent,
  type Machine,
  type MachineOptions,
  type Schema,
} from "./mod.ts";

/** Two free states, one that removes both, and a multi state. */
export const ABC: Schema = { A: {}, B: {}, C: { remove: ["A", "B"] }, M: { multi: true } };

export function setUp(schema: Schema = ABC, options: MachineOptions = {}): Machine {
  return createMachine(schema, { id: "m", ...options }) as unknown as Machine;
}

/** A handler that always throws. */
export function fail(): never {
  throw new Error("made up");
}

/** A handler that throws only in its first call. */
export function failOnce(): () => void {
  let calls = 0;
  return () => {
    if (calls++ === 0) fail();
  };
}

export type Handler = (event: HandlerEvent) => unknown;

/** Like `bind()`, with typed events. */
export function bind(
  machine: Machine,
  handlers: Readonly<Record<string, Handler | Readonly<Record<string, Handler>>>>,
  options?: BindOptions,
): () => void {
  return machine.bind(handlers, options);
}

/** Binds every possible handler; each writes its name to the returned log. */
export function recordAll(machine: Machine): string[] {
  const log: string[] = [];
  const handlers: Record<string, Handler> = {};
  const note = (name: string) => {
    handlers[name] = () => void log.push(name);
  };
  for (const name of ["AnyEnter", "AnyState"]) note(name);
  for (const from of machine.names) {
    for (const kind of ["Enter", "Exit", "State", "End"]) note(`${from}${kind}`);
    for (const to of machine.names) note(`${from}${to}`);
  }
  bind(machine, handlers);
  return log;
}
