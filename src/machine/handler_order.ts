/** The order in which a transition's states are told, for whoever has the schema and the clock but not the transition. */

import { compileSchema } from "./compiled_schema.ts";
import type { Schema } from "./schema.ts";
import { sortTarget } from "./target_order.ts";

/**
 * Makes a function that sorts state indexes, given in index order, as a transition would: required
 * states before those that require them, then by After. Costs a compiled schema once.
 */
export function createStateSort(
  schema: Schema,
  names: readonly string[],
): (indexes: Int32Array) => void {
  const compiled = compileSchema(schema, names);
  return (indexes) => sortTarget(compiled, indexes, indexes.length);
}
