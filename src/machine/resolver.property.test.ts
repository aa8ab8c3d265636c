import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReferenceMachine } from "./_reference_machine.ts";
import { createMachine, type Machine } from "./machine.ts";
import { parseSchema, type Schema, type StateDefinition } from "./schema.ts";

/** Cases in a normal run; `PROPERTY_RUNS=100000 npm test` makes more. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 6_000);

const NAMES = ["A", "B", "C", "D", "E", "F", "G", "H", "Healthcheck", "J", "K", "L"];

/** How often each relation and property occurs, so that each kind of schema has its turn. */
interface Mix {
  readonly require: number;
  readonly add: number;
  readonly remove: number;
  readonly after: number;
  readonly auto: number;
  readonly multi: number;
  /** Whether states exclude each other in groups, as flights do. */
  readonly groups: boolean;
}

const MIXES: readonly Mix[] = [
  { require: 2, add: 2, remove: 2, after: 0, auto: 1, multi: 1, groups: false },
  { require: 1, add: 4, remove: 2, after: 0, auto: 1, multi: 0, groups: false },
  { require: 1, add: 1, remove: 0, after: 0, auto: 2, multi: 1, groups: true },
  { require: 5, add: 1, remove: 1, after: 0, auto: 1, multi: 0, groups: true },
  { require: 1, add: 2, remove: 4, after: 0, auto: 3, multi: 2, groups: false },
  { require: 1, add: 1, remove: 1, after: 3, auto: 1, multi: 1, groups: false },
];

const chance = (tenths: number) => fc.integer({ min: 0, max: 9 }).map((draw) => draw < tenths);

function schemas(): fc.Arbitrary<Schema> {
  return fc
    .tuple(fc.constantFrom(...MIXES), fc.integer({ min: 2, max: NAMES.length }))
    .chain(([mix, size]) => {
      const names = NAMES.slice(0, size);
      // Now and then a name that does not exist, or the state's own, or one twice.
      const some = fc.array(fc.constantFrom(...names, ...names, "Ghost"), {
        minLength: 1,
        maxLength: 3,
      });
      const list = (tenths: number) =>
        chance(tenths).chain((has) => (has ? some : fc.constant(undefined)));
      const state = fc.record({
        auto: chance(mix.auto),
        multi: chance(mix.multi),
        require: list(mix.require),
        add: list(mix.add),
        remove: list(mix.remove),
        after: list(mix.after),
        group: fc.nat(2),
      });
      return fc.array(state, { minLength: size, maxLength: size }).map((states) => {
        const groups = (index: number) =>
          names.filter((_, other) => states[other]!.group === states[index]!.group);
        return Object.fromEntries(
          states.map(
            (
              { group, require, add, remove, after, auto, multi },
              index,
            ): [string, StateDefinition] => {
              const removes = mix.groups && group > 0 ? groups(index) : remove;
              // A state that both requires and removes another is an error of the schema, tested elsewhere.
              const requires = require?.filter((other) => !removes?.includes(other));
              return [
                names[index]!,
                {
                  ...(auto && { auto }),
                  ...(multi && { multi }),
                  ...(requires && { require: requires }),
                  ...(add && { add }),
                  ...(removes && { remove: removes }),
                  ...(after && { after }),
                },
              ];
            },
          ),
        );
      });
    });
}

const steps = fc.array(
  fc.record({
    op: fc.constantFrom(
      "add",
      "add",
      "add",
      "remove",
      "remove",
      "set",
      "toggle",
      "canAdd",
      "canRemove",
      "err",
    ),
    picks: fc.array(fc.nat(NAMES.length), { maxLength: 4 }),
  }),
  { minLength: 3, maxLength: 25 },
);

function step(
  machine: Machine,
  reference: ReferenceMachine,
  op: string,
  states: readonly string[],
): [string, string] {
  switch (op) {
    case "canAdd":
      return [machine.canAdd(states).result, reference.check("add", states)];
    case "canRemove":
      return [machine.canRemove(states).result, reference.check("remove", states)];
    case "err": {
      const [state = "Exception"] = states;
      const result = machine.addErr(new Error("made up"), state);
      return [result.result, reference.mutate("add", [state, "Exception"])];
    }
    case "toggle": {
      const kind = states.every((name) => reference.active.includes(name)) ? "remove" : "add";
      return [machine.toggle(states).result, reference.mutate(kind, states)];
    }
    default: {
      const kind = op as "add" | "remove" | "set";
      return [machine[kind](states).result, reference.mutate(kind, states)];
    }
  }
}

describe("Machine", () => {
  it(`resolves like the reference on ${RUNS} random schemas with random mutations`, {
    timeout: 600_000,
  }, () => {
    let incremental = 0;
    let general = 0;
    fc.assert(
      fc.property(schemas(), steps, (schema, mutations) => {
        const machine = createMachine(schema) as unknown as Machine;
        const reference = new ReferenceMachine(parseSchema(schema).schema, machine.names);
        let auto: readonly string[] = [];
        machine.trace({
          mutationQueued(_, mutation) {
            if (mutation.isAuto) auto = mutation.states;
          },
        });
        for (const { op, picks } of mutations) {
          auto = [];
          const states = picks.map((pick) => machine.names[pick % machine.names.length]!);
          if (op.startsWith("can")) reference.lastAuto = [];
          const [result, expected] = step(machine, reference, op, states);
          expect([op, states, result, auto, machine.time(), machine.activeStates()]).toEqual([
            op,
            states,
            expected,
            reference.lastAuto,
            reference.time(),
            reference.active,
          ]);
          expect(machine.timeSum).toBe(reference.time().reduce((sum, tick) => sum + tick, 0));
        }
        incremental += machine.resolverCounts.incremental;
        general += machine.resolverCounts.general;
      }),
      { numRuns: RUNS },
    );
    // Without a good share of both, the comparison would say little about one of them.
    expect(incremental).toBeGreaterThan(5 * RUNS);
    expect(general).toBeGreaterThan(2 * RUNS);
  });
});
