/** A machine's clock for export, and the check of one for import. */

import type { ClockView } from "./clock_view.ts";
import { MachineError } from "./errors.ts";
import type { Schema } from "./schema.ts";

/** A machine's clock, for import by a machine with the same id and states. */
export interface MachineExport {
  readonly id: string;
  readonly states: readonly string[];
  readonly ticks: readonly number[];
  readonly queueTick: number;
  readonly machineTick: number;
  readonly schema: Schema;
}

/** The clock of a machine with these ticks. */
export function createExport<N extends string>(
  machine: ClockView<N> & { readonly queueTick: number; readonly machineTick: number },
  ticks: Float64Array,
): MachineExport {
  const { id, names, queueTick, machineTick, schema } = machine;
  return { id, states: [...names], ticks: [...ticks], queueTick, machineTick, schema };
}

/** The ticks of an export, in the index order of `view`. Throws {@linkcode MachineError} for another machine or other states. */
export function readExport(view: ClockView, exported: MachineExport): Float64Array {
  if (!isExport(exported)) {
    throw new MachineError(
      "invalid_import",
      "Cannot import: not the export of a machine, which has an id, states, ticks and a machineTick",
    );
  }
  if (exported.id !== view.id) {
    throw new MachineError(
      "invalid_import",
      `Cannot import the clock of "${exported.id}": this machine is "${view.id}"`,
    );
  }
  const unknown = exported.states.filter((name) => view.indexOf(name) < 0);
  if (
    unknown.length > 0 ||
    exported.states.length !== view.names.length ||
    exported.ticks.length !== view.names.length
  ) {
    throw new MachineError(
      "invalid_import",
      unknown.length > 0
        ? `Cannot import: states "${unknown.join('", "')}" are unknown`
        : `Cannot import ${exported.states.length} states with ${exported.ticks.length} ticks: this machine has ${view.names.length}`,
      { states: unknown },
    );
  }
  const twice = exported.states.find((name, i) => exported.states.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new MachineError("invalid_import", `Cannot import: state "${twice}" is listed twice`, {
      states: [twice],
    });
  }
  const bad = exported.ticks.findIndex((tick) => !Number.isSafeInteger(tick) || tick < 0);
  if (bad >= 0) {
    throw new MachineError(
      "invalid_import",
      `Cannot import: the tick of "${exported.states[bad]}" is ${exported.ticks[bad]}, not an integer >= 0`,
    );
  }
  const ticks = new Float64Array(view.names.length);
  exported.states.forEach((name, i) => {
    ticks[view.indexOf(name)] = exported.ticks[i]!;
  });
  return ticks;
}

/** Whether a value, such as one read from JSON, has the fields that an import reads; their contents are not compared with a machine. */
function isExport(value: unknown): value is MachineExport {
  if (typeof value !== "object" || value === null) return false;
  const { id, states, ticks, machineTick } = value as Partial<MachineExport>;
  return (
    typeof id === "string" &&
    Array.isArray(states) &&
    states.every((state) => typeof state === "string") &&
    Array.isArray(ticks) &&
    Number.isSafeInteger(machineTick)
  );
}
