import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReferenceHandlersMachine, UNENDING } from "./_reference_handlers.ts";
import { createMachine, type Machine } from "./machine.ts";
import { parseSchema, type Schema, type StateDefinition } from "./schema.ts";

/** Cases in a normal run; `PROPERTY_RUNS=100000 npx vitest run src/machine/handlers_reference` makes more. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 3_000);

const NAMES = ["A", "B", "C", "D", "E", "Exception", "Healthcheck"];

const few = (names: readonly string[], maxLength: number, percent: number) =>
  fc
    .integer({ min: 0, max: 99 })
    .chain((draw) =>
      draw < percent ? fc.subarray([...names], { maxLength }) : fc.constant<string[]>([]),
    );

const often = (percent: number) =>
  fc.integer({ min: 0, max: 99 }).map((draw) => (draw < percent ? true : undefined));

const state = fc.record({
  auto: often(20),
  multi: often(25),
  require: few(NAMES, 1, 25),
  add: few(NAMES, 2, 30),
  remove: few(NAMES, 4, 35),
  after: few(NAMES, 2, 15),
});

const schemas = fc
  .array(state, { minLength: NAMES.length, maxLength: NAMES.length })
  .map((states): Schema => {
    const entries = NAMES.map((name, i): [string, StateDefinition] => {
      const { auto, multi, require, remove, add, after } = states[i]!;
      const isMulti = multi === true || name === "Exception";
      return [
        name,
        {
          ...(auto === true && name !== "Exception" && { auto }),
          ...(isMulti && { multi: true }),
          // To require and remove the same state is an error of the schema, tested elsewhere.
          require: require.filter((other) => other !== name && !remove.includes(other)),
          add,
          remove,
          after,
        },
      ];
    });
    return Object.fromEntries(entries);
  });

type Op = "add" | "remove" | "set" | "toggle" | "err" | "canAdd" | "canRemove";

const op = fc.constantFrom<Op[]>(
  "add",
  "add",
  "add",
  "remove",
  "remove",
  "set",
  "toggle",
  "err",
  "canAdd",
  "canRemove",
);
const steps = fc.array(
  fc.record({ op, states: fc.array(fc.constantFrom(...NAMES), { maxLength: 3 }) }),
  { minLength: 2, maxLength: 10 },
);

/** What handlers do, each run of each decided by a hash, so that both machines see the same. */
interface Script {
  readonly seed: number;
  readonly vetoPercent: number;
  readonly throwPercent: number;
  readonly nestPercent: number;
  /** Percent of handlers that are bound, in each of one or two sets. */
  readonly boundPercents: readonly number[];
}

const scripts: fc.Arbitrary<Script> = fc.record({
  seed: fc.integer(),
  vetoPercent: fc.constantFrom(0, 1, 4, 12),
  throwPercent: fc.constantFrom(0, 0, 2, 6, 90),
  nestPercent: fc.constantFrom(0, 0, 3, 10),
  boundPercents: fc.constantFrom([100], [60], [15], [60, 60], [100, 20]),
});

function hash(text: string, seed: number): number {
  let value = seed | 0;
  for (let i = 0; i < text.length; i++)
    value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
  return (value ^ (value >>> 13)) >>> 0;
}

const HANDLERS = [
  "AnyEnter",
  "AnyState",
  ...NAMES.flatMap((name) => [
    `${name}Enter`,
    `${name}Exit`,
    `${name}State`,
    `${name}End`,
    ...NAMES.map((other) => `${name}${other}`),
  ]),
];

/** One of the two machines, with what its handlers wrote down. */
interface Subject {
  readonly log: string[];
  mutate(op: Op, states: readonly string[], args: boolean): string;
  bind(names: readonly string[], run: (handler: string) => boolean): void;
}

/** Binds the handlers of a script, which write down what ran and what their own mutations came to. */
function follow(subject: Subject, script: Script): void {
  const { seed, vetoPercent, throwPercent, nestPercent, boundPercents } = script;
  const runs = new Map<string, number>();
  let nestings = 0;
  boundPercents.forEach((percent, set) => {
    const bound = HANDLERS.filter((name) => hash(`bind ${set} ${name}`, seed) % 100 < percent);
    subject.bind(bound, (handler) => {
      const name = `${set}:${handler}`;
      const run = (runs.get(name) ?? 0) + 1;
      runs.set(name, run);
      subject.log.push(name);
      if (hash(`nest ${name} ${run}`, seed) % 100 < nestPercent && nestings++ < 6) {
        const draw = hash(`what ${name} ${run}`, seed);
        const ops = ["add", "remove", "set", "toggle", "err", "add"] as const;
        const states = [draw, draw >>> 4].map((each) => NAMES[each % NAMES.length]!);
        const nested = ops[(draw >>> 8) % ops.length]!;
        subject.log.push(`-> ${subject.mutate(nested, states, (draw >>> 12) % 3 === 0)}`);
      }
      if (hash(`throw ${name} ${run}`, seed) % 100 < throwPercent) throw new Error(name);
      return hash(`veto ${name} ${run}`, seed) % 100 >= vetoPercent;
    });
  });
}

function toSubject(machine: Machine): Subject {
  return {
    log: [],
    mutate(op, states, args) {
      if (op === "err") return machine.addErr(new Error("made up"), states[0]).result;
      return machine[op](states, args ? { n: 1 } : undefined).result;
    },
    bind(names, run) {
      machine.bind(Object.fromEntries(names.map((name) => [name, () => run(name)])));
    },
  };
}

function toReferenceSubject(reference: ReferenceHandlersMachine): Subject {
  return {
    log: [],
    mutate(op, states, args) {
      switch (op) {
        case "err":
          return reference.addErr(states[0]);
        case "toggle":
          return reference.toggle(states, args);
        case "canAdd":
          return reference.check("add", states, args);
        case "canRemove":
          return reference.check("remove", states, args);
        default:
          return reference.mutate(op, states, args);
      }
    },
    bind: (names, run) => reference.bind(names, run),
  };
}

/** Runs `act`; undefined where what it started would never end. */
function unlessUnending<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (thrown) {
    if ((thrown as Error).message === UNENDING) return undefined;
    throw thrown;
  }
}

describe("Handlers", () => {
  it(`run as in the reference in ${RUNS} random schemas, with vetoes, errors, and mutations of their own`, {
    timeout: 600_000,
  }, () => {
    let calls = 0;
    let unending = 0;
    fc.assert(
      fc.property(schemas, scripts, steps, (schema, script, mutations) => {
        const reference = new ReferenceHandlersMachine(parseSchema(schema).schema, NAMES);
        const expected = toReferenceSubject(reference);
        follow(expected, script);
        const machine = createMachine(schema, { states: NAMES }) as unknown as Machine;
        const actual = toSubject(machine);
        follow(actual, script);
        for (const { op, states } of mutations) {
          const outcome = unlessUnending(() => expected.mutate(op, states, false));
          if (outcome === undefined) {
            unending++;
            return;
          }
          expect([op, states, actual.mutate(op, states, false), actual.log]).toEqual([
            op,
            states,
            outcome,
            expected.log,
          ]);
          expect([machine.time(), machine.activeStates(), machine.queueTick]).toEqual([
            reference.time,
            reference.active,
            reference.queueTick,
          ]);
          expect(machine.timeSum).toBe(reference.time.reduce((sum, tick) => sum + tick));
        }
        calls += actual.log.length;
      }),
      { numRuns: RUNS },
    );
    expect(calls).toBeGreaterThan(20 * RUNS);
    expect(unending).toBeLessThan(0.1 * RUNS);
  });
});
