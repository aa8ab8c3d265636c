/** Runs recorded cases of a reference state machine, and reports where this machine differs. */

import { createMachine, type Machine, type MutationResult, type Schema } from "../machine/mod.ts";

interface Call {
  readonly handler: string;
  readonly op: Op;
  readonly states: readonly string[];
  readonly max: number;
  readonly args?: boolean;
}

const OPS = ["add", "remove", "set", "toggle", "err", "canAdd", "canRemove"] as const;
type Op = (typeof OPS)[number];

interface Step {
  readonly op: Op;
  readonly states?: readonly string[];
  readonly statesIdx?: readonly number[];
  readonly result: string;
  readonly active?: readonly string[];
  readonly activeIdx?: readonly number[];
  readonly time: readonly number[];
  readonly order?: readonly string[];
  readonly handlers?: readonly string[];
  readonly nested?: readonly string[];
}

/** One recorded case: a schema, handlers with scripted behaviour, and steps with their outcomes. */
export interface RecordedCase {
  readonly id: string;
  readonly states: readonly string[];
  readonly schema: Schema;
  readonly ordered: boolean;
  readonly init?: { readonly active: readonly string[]; readonly time: readonly number[] };
  readonly steps: readonly Step[];
  readonly bind?: readonly ("*" | readonly string[])[];
  readonly calls?: readonly Call[];
  readonly panics?: readonly string[];
  readonly panicsOn?: Readonly<Record<string, readonly number[]>>;
  readonly reject?: readonly string[];
  readonly rejectOn?: Readonly<Record<string, readonly number[]>>;
  readonly dump?: {
    readonly string: string;
    readonly stringAll: string;
    readonly inspect: string;
    readonly partial?: { readonly states: readonly string[]; readonly inspect: string };
  };
}

/** Reads one line of a file of cases. Throws a `SyntaxError` that says what is wrong. */
export function parseCase(line: string): RecordedCase {
  const value = JSON.parse(line) as Partial<RecordedCase> | null;
  if (typeof value !== "object" || value === null) throw new SyntaxError("not an object");
  for (const field of ["states", "steps"] as const) {
    if (!Array.isArray(value[field])) throw new SyntaxError(`"${field}" is not a list`);
  }
  if (typeof value.schema !== "object") throw new SyntaxError('"schema" is not an object');
  for (const step of value.steps!) {
    if (!OPS.includes(step.op)) throw new SyntaxError(`unknown op "${step.op}"`);
  }
  return value as RecordedCase;
}

/** Runs a case on a new machine. Returns a description of the first difference, or undefined. */
export function runCase(recorded: RecordedCase): string | undefined {
  const machine = createMachine(recorded.schema, {
    id: recorded.id,
    states: recorded.states,
    handlerTimeoutMs: Number.POSITIVE_INFINITY,
  }) as unknown as Machine;
  const script = new HandlerScript(machine, recorded);
  for (const [number, bind] of (recorded.bind ?? []).entries()) script.bind(number, bind);

  if (recorded.init !== undefined) {
    const difference = compareState(
      machine,
      { ordered: false },
      recorded.init.active,
      recorded.init.time,
      undefined,
    );
    if (difference !== undefined) return `before the first step: ${difference}`;
  }
  for (const [number, step] of recorded.steps.entries()) {
    const states = step.states ?? step.statesIdx!.map((index) => recorded.states[index]!);
    const { handlers, nested } = script.begin();
    const result = mutate(machine, step.op, states, false);
    const active = step.active ?? step.activeIdx!.map((index) => recorded.states[index]!);
    const difference =
      compare("result", result, step.result) ??
      (step.handlers === undefined
        ? undefined
        : compare("handlers", handlers.join(" "), step.handlers.join(" "))) ??
      compare("nested", nested.join(" "), (step.nested ?? []).join(" ")) ??
      compareState(machine, recorded, active, step.time, step.order);
    if (difference !== undefined)
      return `step ${number + 1}, ${step.op} [${states.join(" ")}]: ${difference}`;
  }
  const { dump } = recorded;
  if (dump === undefined) return undefined;
  return (
    compare("string", machine.toString(), dump.string) ??
    compare("stringAll", machine.toStringAll(), dump.stringAll) ??
    compare("inspect", machine.inspect(), dump.inspect) ??
    (dump.partial &&
      compare("partial inspect", machine.inspect(dump.partial.states), dump.partial.inspect))
  );
}

function compareState(
  machine: Machine,
  { ordered }: Pick<RecordedCase, "ordered">,
  active: readonly string[],
  time: readonly number[],
  order: readonly string[] | undefined,
): string | undefined {
  return (
    compare("time", machine.time().join(" "), time.join(" ")) ??
    compare("active", machine.activeStates(machine.names).join(" "), active.join(" ")) ??
    (ordered
      ? compare("order", machine.activeStates().join(" "), (order ?? active).join(" "))
      : undefined)
  );
}

function compare(what: string, actual: string, expected: string): string | undefined {
  return actual === expected
    ? undefined
    : `${what} differs\n    expected: ${expected}\n    actual:   ${actual}`;
}

function mutate(machine: Machine, op: Op, states: readonly string[], withArgs: boolean): string {
  const args = withArgs ? { n: 1 } : undefined;
  return (
    op === "err" ? machine.addErr(new Error("recorded"), states[0]) : machine[op](states, args)
  ).result;
}

/** Handlers that follow the script of a case, and record what ran. */
class HandlerScript {
  readonly #machine: Machine;
  readonly #recorded: RecordedCase;
  readonly #runs = new Map<string, number>();
  readonly #made = new Map<Call, number>();
  #handlers: string[] = [];
  #nested: MutationResult["result"][] = [];

  constructor(machine: Machine, recorded: RecordedCase) {
    this.#machine = machine;
    this.#recorded = recorded;
  }

  /** Starts the record of a new step. */
  begin(): { handlers: readonly string[]; nested: readonly string[] } {
    this.#handlers = [];
    this.#nested = [];
    return { handlers: this.#handlers, nested: this.#nested };
  }

  bind(number: number, names: "*" | readonly string[]): void {
    const { states } = this.#recorded;
    const all = (names === "*" ? everyHandler(states) : names).filter(
      (name) => states.includes("Any") || !UNCALLED.includes(name),
    );
    const label = number === 0 ? "" : `${number}:`;
    this.#machine.bind(
      Object.fromEntries(all.map((name) => [name, () => this.#run(`${label}${name}`)])),
    );
  }

  #run(name: string): boolean {
    const { calls = [], panics = [], panicsOn = {}, reject = [], rejectOn = {} } = this.#recorded;
    this.#handlers.push(name);
    const run = (this.#runs.get(name) ?? 0) + 1;
    this.#runs.set(name, run);
    for (const call of calls) {
      const made = this.#made.get(call) ?? 0;
      if (call.handler !== name || made >= call.max) continue;
      this.#made.set(call, made + 1);
      this.#nested.push(
        mutate(this.#machine, call.op, call.states, call.args ?? false) as MutationResult["result"],
      );
    }
    if (panics.includes(name) || panicsOn[name]?.includes(run))
      throw new Error(`recorded panic of ${name}`);
    return !(reject.includes(name) || rejectOn[name]?.includes(run));
  }
}

/** Handlers that cases bind although no machine calls them; this one refuses them. */
const UNCALLED = ["AnyExit", "AnyEnd"];

function everyHandler(states: readonly string[]): string[] {
  const names = ["AnyEnter", "AnyState"];
  for (const state of states) {
    names.push(`${state}Enter`, `${state}Exit`, `${state}State`, `${state}End`);
    for (const other of states) names.push(`${state}${other}`);
  }
  return names;
}
