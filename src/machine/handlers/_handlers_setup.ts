/** Machines with handlers, for tests of handlers. */

import type { BindOptions, HandlerEvent } from "../machine.ts";
import type { MachineOptions } from "../machine_options.ts";
import { createMachine, type Machine } from "../mod.ts";
import type { Schema } from "../schema.ts";

/** Two free states, one that removes both, and a multi state. */
export const ABC: Schema = { A: {}, B: {}, C: { remove: ["A", "B"] }, M: { multi: true } };

export function setUp(schema: Schema = ABC, options: MachineOptions = {}): Machine {
  return createMachine(schema, { id: "m", ...options }) as unknown as Machine;
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
