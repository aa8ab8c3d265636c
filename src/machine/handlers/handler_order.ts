/** The order in which a transition calls the handlers of its states, for code that has the schema and the clock but no transition. */

import { compileSchema } from "../resolver/compiled_schema.ts";
import { sortTarget } from "../resolver/target_order.ts";
import type { Schema } from "../schema.ts";

/**
 * Returns a function that sorts state indexes, given in index order, as a transition would: required
 * states before those that require them, then by After. Compiles the schema once.
 */
export function createStateSort(
  schema: Schema,
  names: readonly string[],
): (indexes: Int32Array) => void {
  const compiled = compileSchema(schema, names);
  return (indexes) => sortTarget(compiled, indexes, indexes.length);
}
