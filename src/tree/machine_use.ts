/** Which machines may be a root's, and which are in use. */

import type { Machine } from "../machine/mod.ts";

/** Most characters of a machine id on the wire. */
const MAX_ID_LENGTH = 255;

/** The names of the nodes whose machines these are. */
const users = new WeakMap<Machine, string>();

/** Whether it has the parts of a machine that a node uses, which a remote one lacks. It may come from another copy of this package. */
export function isMachine(value: unknown): value is Machine {
  if (typeof value !== "object" || value === null) return false;
  const { id, names, add, trace, onClockChange, setSchema } = value as Partial<Machine>;
  return (
    typeof id === "string" &&
    Array.isArray(names) &&
    [add, trace, onClockChange, setSchema].every((method) => typeof method === "function")
  );
}

/**
 * Reserves a machine for one node. Returns a function that releases it.
 * Throws `TypeError` for what is not a machine, a disposed one, or one that has a node.
 */
export function useMachine(machine: Machine, node: string): () => void {
  if (!isMachine(machine))
    throw new TypeError(
      `Cannot start "${node}": its machine is ${describeValue(machine)}, not what createMachine() returns`,
    );
  const { id } = machine;
  if (machine.isDisposed)
    throw new TypeError(`Cannot start "${node}": its machine "${id}" is disposed`);
  if (id === "" || id.length > MAX_ID_LENGTH)
    throw new TypeError(
      `Cannot start "${node}": the id of its machine has ${id.length} characters, not 1 to ${MAX_ID_LENGTH}`,
    );
  const user = users.get(machine);
  if (user !== undefined)
    throw new TypeError(
      `Cannot start "${node}": machine "${id}" already has a node, "${user}"; other nodes follow that one`,
    );
  users.set(machine, node);
  return () => void users.delete(machine);
}

/** A value as an error message shows it: `"text"`, `12`, `undefined`, `an array`, `an object`, `a function`. */
export function describeValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 100));
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}
