/** The transitions of the root's machine in the node's log: lines for people, records with fields for collectors. */

import { logTransitions, type Machine } from "../machine/mod.ts";
import type { EventLog } from "../telemetry/mod.ts";
import type { Logger } from "./log.ts";

/**
 * Writes the machine's changes and operations to the console at level debug, and everything at level
 * trace. Returns a function that ends it.
 */
export function logMachine(machine: Machine, log: Logger): () => void {
  if (!log.enabled("debug")) return () => {};
  const { debug, trace } = log.only("console");
  return logTransitions(machine, {
    level: log.enabled("trace") ? "everything" : "operations",
    write: (line, level) =>
      level === "changes" || level === "operations" ? debug(line) : trace(line),
  });
}

/** The log for telemetry of the machine: its records of level debug say what the lines of {@linkcode logMachine} say. */
export function toTelemetryLog(log: Logger): EventLog {
  return { ...log, debug: log.only("collector").debug };
}
