import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "./machine.ts";
import type { Schema, StateDefinition } from "./schema.ts";

const NAMES = ["A", "B", "C", "D", "E", "F"];

const state: fc.Arbitrary<StateDefinition> = fc.record(
  {
    auto: fc.constant(true),
    multi: fc.constant(true),
    require: fc.subarray(["A", "B"], { maxLength: 1 }),
    add: fc.subarray(NAMES, { maxLength: 2 }),
    remove: fc.subarray(NAMES, { maxLength: 3 }),
  },
  { requiredKeys: [] },
);

const schemas = fc.array(state, { minLength: NAMES.length, maxLength: NAMES.length }).map(
  (states): Schema =>
    Object.fromEntries(
      NAMES.map((name, i) => {
        const { require, ...rest } = states[i]!;
        const kept = require?.filter((other) => other !== name && !rest.remove?.includes(other));
        return [name, kept && kept.length > 0 ? { ...rest, require: kept } : rest];
      }),
    ),
);

/** Which runs of which handlers veto or throw, by a hash of name and run. */
interface Script {
  readonly seed: number;
  readonly vetoPercent: number;
  readonly throwPercent: number;
}

const scripts: fc.Arbitrary<Script> = fc.record({
  seed: fc.nat(1_000_000),
  vetoPercent: fc.constantFrom(0, 2, 10),
  throwPercent: fc.constantFrom(0, 0, 3),
});

const steps = fc.array(
  fc.record({
    op: fc.constantFrom("add", "add", "remove", "set", "canAdd"),
    states: fc.subarray(NAMES, { maxLength: 3 }),
  }),
  { minLength: 2, maxLength: 12 },
);

function hash(text: string, seed: number): number {
  let value = seed;
  for (const char of text) value = Math.imul(value ^ char.charCodeAt(0), 0x0100_0193) >>> 0;
  return (value ^ (value >>> 15)) % 100;
}

/** Binds every handler there can be, which write down that they ran and do what the script says. */
function bindAll(machine: Machine, script: Script): string[] {
  const log: string[] = [];
  const runs = new Map<string, number>();
  const names = ["AnyEnter", "AnyState"];
  for (const name of NAMES) {
    names.push(`${name}Enter`, `${name}Exit`, `${name}State`, `${name}End`);
    for (const other of NAMES) names.push(`${name}${other}`);
  }
  const handlers = names.map((name) => [
    name,
    () => {
      const run = (runs.get(name) ?? 0) + 1;
      runs.set(name, run);
      log.push(name);
      if (hash(`throw ${name} ${run}`, script.seed) < script.throwPercent) throw new Error(name);
      return hash(`veto ${name} ${run}`, script.seed) >= script.vetoPercent;
    },
  ]);
  machine.bind(Object.fromEntries(handlers));
  return log;
}

describe("Handlers", () => {
  it("run in the same order, with the same outcome, however a transition was resolved", () => {
    let incremental = 0;
    fc.assert(
      fc.property(schemas, scripts, steps, (schema, script, mutations) => {
        // A state with After, though never active, keeps the incremental resolver out.
        const other = { ...schema, Z1: { after: ["Z2"] }, Z2: {} };
        const machines = [schema, other].map(
          (each) => createMachine(each, { id: "m" }) as unknown as Machine,
        );
        const logs = machines.map((machine) => bindAll(machine, script));
        for (const { op, states } of mutations) {
          const results = machines.map((machine) => machine[op as "add"](states).result);
          expect(results[0]).toBe(results[1]);
          expect(logs[0]).toEqual(logs[1]);
          expect(machines[0]!.activeStates()).toEqual(machines[1]!.activeStates());
          expect(machines[0]!.clock()).toEqual(machines[1]!.clock(machines[0]!.names));
        }
        incremental += machines[0]!.resolverCounts.incremental;
        expect(machines[1]!.resolverCounts.incremental).toBe(0);
      }),
      { numRuns: 1_500 },
    );
    expect(incremental).toBeGreaterThan(3_000);
  });
});
