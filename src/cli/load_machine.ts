/** Loads the machine of a root from a module of its user. */

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { Machine } from "../machine/mod.ts";
import { ConfigError, describeValue, isMachine } from "../tree/mod.ts";

/**
 * Imports a module and returns the machine that its default export is, or that this function makes; it may be
 * async. `file` is relative to the working directory. Rejects with {@linkcode ConfigError}.
 */
export async function loadMachine(file: string): Promise<Machine> {
  const fail = (problem: string, cause?: unknown) =>
    new ConfigError([`Cannot use the machine of "${file}": ${problem}`], { cause });
  const path = resolve(file);
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => undefined,
  );
  if (isFile === undefined) throw fail(`there is no such file in ${resolve()}`);
  if (!isFile) throw fail("it is a directory, not a module");
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw fail(`the module cannot be loaded: ${messageOf(error)}`, error);
  }
  if (!("default" in module))
    throw fail("it has no default export: a machine, or a function that returns one");
  const exported = module.default;
  if (isMachine(exported)) return usable(exported, fail);
  if (typeof exported !== "function")
    throw fail(
      `its default export is ${describeValue(exported)}, neither a machine nor a function that returns one`,
    );
  let made: unknown;
  try {
    made = await exported();
  } catch (error) {
    throw fail(`its function failed: ${messageOf(error)}`, error);
  }
  if (!isMachine(made)) throw fail(`its function returns ${describeValue(made)}, not a machine`);
  return usable(made, fail);
}

function usable(machine: Machine, fail: (problem: string) => ConfigError): Machine {
  if (machine.isDisposed) throw fail(`machine "${machine.id}" is disposed`);
  return machine;
}

/** The first line: some runtimes add code, or put the mistakes of a module into a list. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!.trim();
}
