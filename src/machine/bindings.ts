/** The sets of handlers that are bound to a machine, sorted anew for each schema it has. */

import type { CompiledSchema } from "./compiled_schema.ts";
import { type Binding, type BindOptions, compileBinding } from "./handlers.ts";

/** One bound set, as it was given. */
export interface BoundSet {
  readonly handlers: Readonly<Record<string, unknown>>;
  readonly id: string;
  readonly prefix: string;
}

export class Bindings {
  #sets: readonly BoundSet[] = [];
  #compiled: readonly Binding[] = [];
  #number = 0;

  /** All sets for the schema, in the order in which they were bound. */
  get compiled(): readonly Binding[] {
    return this.#compiled;
  }

  /** Adds a set after the others. Throws `MachineError` for a handler whose name fits no state of the schema. */
  add(
    schema: CompiledSchema,
    handlers: Readonly<Record<string, unknown>>,
    options: BindOptions,
  ): BoundSet {
    const id = options.id?.replace(/[^A-Za-z0-9\-_.]/g, "") ?? `handlers-${++this.#number}`;
    const set = { handlers, id, prefix: options.prefix ?? "" };
    const binding = compileBinding(schema, handlers, id, set.prefix);
    this.#sets = [...this.#sets, set];
    this.#compiled = [...this.#compiled, binding];
    return set;
  }

  /** Takes a set away; nothing happens if it is gone. */
  remove(set: BoundSet): void {
    const place = this.#sets.indexOf(set);
    this.#sets = this.#sets.filter((_, other) => other !== place);
    this.#compiled = this.#compiled.filter((_, other) => other !== place);
  }

  /** Sorts all sets for another schema. Throws `MachineError` for a handler of a state that it lacks; nothing changes then. */
  recompile(schema: CompiledSchema): void {
    this.#compiled = this.#sets.map(({ handlers, id, prefix }) =>
      compileBinding(schema, handlers, id, prefix),
    );
  }

  clear(): void {
    this.#sets = [];
    this.#compiled = [];
  }
}
