/**
 * Export and import of a program's machines together: one point at which nothing is under way between them, so that
 * after an import no target lacks what its source had piped. Handlers and pipes are code, and not part of it.
 */

import { importClocks } from "../engine/create_machine.ts";
import { MachineError } from "../errors.ts";
import type { Machine } from "../machine.ts";
import { type MachineExport, readExport } from "../machine_export.ts";
import { deliverNow } from "./pipes.ts";

/** Deliveries of pipes after which pipes that mutate each other in a circle count as endless. */
const MAX_DELIVERIES = 100_000;

/** A machine of this process, with any states. */
export type GroupMachine = Pick<
  Machine,
  "id" | "isRunning" | "names" | "indexOf" | "export" | "import"
>;

/** The clocks of several machines by id, for a later {@linkcode importMachines}, also as JSON. */
export type MachinesExport = Readonly<Record<string, MachineExport>>;

/**
 * The clocks of several machines at one point: no transition runs, no queue holds a mutation, and what pipes had
 * under way to these machines has been delivered, before its microtask. Includes whatever handlers of those
 * deliveries did at once; not what they do later, nor what a remote machine or one left out still passes on.
 *
 * Throws {@linkcode MachineError}: `in_transition` when called within a transition of one of them (wait for
 * `whenQueueEnd()` first), `invalid_argument` for two machines with one id, or pipes that never come to rest.
 */
export function exportMachines(machines: readonly GroupMachine[]): MachinesExport {
  settleMachines(machines, "export");
  return Object.fromEntries(machines.map((machine) => [machine.id, machine.export()]));
}

/**
 * Imports the clocks of all machines, or of none: each machine needs its export, each export its machine, and all are
 * checked before one changes. What pipes had under way to these machines is delivered first, so that nothing of the
 * time before changes them afterwards. All clocks move before a listener, wait or handler sees one of them.
 *
 * The program binds handlers and pipes again, before or after: an import calls no handlers, so that pipes deliver
 * nothing because of it. Where a machine has `MachineRestored`, it is added once all clocks have moved, with its
 * handlers and pipes: bind those before. Errors themselves (`err`) are not exported, only their states.
 *
 * Throws {@linkcode MachineError}: `invalid_import` for what does not fit, `disposed`, and what
 * {@linkcode exportMachines} throws.
 */
export function importMachines(machines: readonly GroupMachine[], exported: MachinesExport): void {
  const clocks = matchExports(machines, exported);
  settleMachines(machines, "import");
  importClocks(clocks);
}

/** Delivers what is under way between the machines, none of which may be running. */
function settleMachines(machines: readonly GroupMachine[], what: string): void {
  requireDistinct(machines, what);
  const running = machines.find(({ isRunning }) => isRunning);
  if (running !== undefined) {
    throw new MachineError(
      "in_transition",
      `Cannot ${what} machines: "${running.id}" is running a transition`,
    );
  }
  if (!deliverNow(new Set(machines), MAX_DELIVERIES)) {
    throw new MachineError(
      "invalid_argument",
      `Cannot ${what} machines: their pipes delivered ${MAX_DELIVERIES} mutations, and more are under way`,
    );
  }
}

function requireDistinct(machines: readonly GroupMachine[], what: string): void {
  const ids = machines.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) {
    throw new MachineError(
      "invalid_argument",
      `Cannot ${what} machines: two of them have the id "${twice}"`,
    );
  }
}

/** Each machine with its export. Throws `MachineError` unless they fit, one to one. */
function matchExports(
  machines: readonly GroupMachine[],
  exported: MachinesExport,
): [GroupMachine, MachineExport][] {
  requireDistinct(machines, "import");
  if (typeof exported !== "object" || exported === null || Array.isArray(exported))
    throw misfit("not an object with the export of each machine by its id");
  const given = Object.keys(exported);
  const needed = machines.map(({ id }) => id);
  const missing = needed.filter((id) => !given.includes(id));
  if (missing.length > 0)
    throw misfit(`no export for ${list(missing)}; there are exports for ${list(given)}`);
  const unknown = given.filter((id) => !needed.includes(id));
  if (unknown.length > 0)
    throw misfit(`no machine for ${list(unknown)}; the machines are ${list(needed)}`);
  return machines.map((machine) => [machine, checkExport(machine, exported[machine.id]!)]);
}

function checkExport(machine: GroupMachine, exported: MachineExport): MachineExport {
  try {
    readExport(machine as Machine, exported);
    return exported;
  } catch (cause) {
    if (!(cause instanceof MachineError)) throw cause;
    throw new MachineError(
      cause.code,
      `Cannot import machines, at "${machine.id}": ${cause.message}`,
      { states: cause.states, cause },
    );
  }
}

function misfit(what: string): MachineError {
  return new MachineError("invalid_import", `Cannot import machines: ${what}`);
}

function list(ids: readonly string[]): string {
  return ids.length > 0 ? `"${ids.join('", "')}"` : "none";
}
