/** The sets of handlers bound to a machine, compiled again for each new schema. */

import type { BindOptions, BoundHandlers } from "../machine.ts";
import type { CompiledSchema } from "../resolver/compiled_schema.ts";
import { type Binding, compileBinding } from "./binding.ts";

/** One bound set, as given. */
export interface BoundSet {
  readonly handlers: Readonly<Record<string, unknown>>;
  readonly id: string;
  readonly prefix: string;
}

export class Bindings {
  #sets: readonly BoundSet[] = [];
  #compiled: readonly Binding[] = [];
  #number = 0;

  /** All sets, compiled for the current schema, in the order in which they were bound. */
  get compiled(): readonly Binding[] {
    return this.#compiled;
  }

  /** All sets, with the names of their handlers. */
  get list(): readonly BoundHandlers[] {
    return this.#compiled.map(({ id, Enter, Exit, State, End, pairs, anyEnter, anyState }) => {
      const any = [anyEnter, anyState].filter((handler) => handler !== undefined);
      const handlers = [Enter, Exit, State, End, ...pairs.values()].flatMap((byState) => [
        ...byState.values(),
      ]);
      return { id, names: [...new Set([...handlers, ...any].map(({ name }) => name))] };
    });
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

  /** Removes a set; does nothing if it is gone. */
  remove(set: BoundSet): void {
    const place = this.#sets.indexOf(set);
    this.#sets = this.#sets.filter((_, other) => other !== place);
    this.#compiled = this.#compiled.filter((_, other) => other !== place);
  }

  /** Compiles all sets for another schema. Throws `MachineError`, and changes nothing, for a handler whose state the schema lacks. */
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
