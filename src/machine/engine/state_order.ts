/** The check of an index order given by a caller. */

import { MachineError } from "../errors.ts";

/** Throws `MachineError` unless `order` lists each of `names` once. */
export function checkOrder(id: string, order: readonly string[], names: readonly string[]): void {
  const known = new Set(names);
  const given = new Set(order);
  const unknown = order.filter((name) => !known.has(name));
  const missing = names.filter((name) => !given.has(name));
  const problems: string[] = [];
  if (unknown.length > 0) problems.push(`"${unknown.join('", "')}" not in the schema`);
  if (missing.length > 0) problems.push(`"${missing.join('", "')}" missing`);
  if (given.size < order.length) problems.push("a name is listed twice");
  if (problems.length > 0) {
    throw new MachineError(
      "invalid_schema",
      `Cannot order the states of "${id}": ${problems.join("; ")}`,
      { states: [...unknown, ...missing] },
    );
  }
}
