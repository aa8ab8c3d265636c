/** The change of a machine's schema to a larger one. */

import { MachineError } from "../errors.ts";
import { type CompiledSchema, compileSchema } from "../resolver/compiled_schema.ts";
import { parseSchema, type Schema } from "../schema.ts";
import { checkOrder } from "./state_order.ts";

/**
 * Compiles the schema that replaces `old`. Throws {@linkcode MachineError} if it does not have more
 * states, contradicts itself, or if `states` does not list exactly its states.
 */
export function compileLarger(
  old: CompiledSchema,
  id: string,
  schema: Schema,
  states: readonly string[],
): CompiledSchema {
  const { schema: parsed, errors } = parseSchema(schema);
  const names = Object.keys(parsed);
  if (names.length <= old.names.length) {
    throw new MachineError(
      "invalid_schema",
      `Cannot set the schema: it has ${names.length} states, and must have more than ${old.names.length}`,
    );
  }
  if (errors.length > 0) throw errors[0]!;
  checkOrder(id, states, names);
  const previousTopology = new Map(old.names.map((name, index) => [name, old.topology[index]!]));
  return compileSchema(parsed, states, previousTopology);
}

/** Returns a function from indexes of one schema to those of another; -1 for a state that is gone. */
export function mapIndexes(from: CompiledSchema, to: CompiledSchema): (index: number) => number {
  return (index) => to.indexByName.get(from.names[index]!) ?? -1;
}
