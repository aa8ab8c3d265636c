import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReferenceMachine, UNENDING } from "./_reference_machine.ts";
import { createMachine, type Machine, parseSchema, type Schema } from "./mod.ts";

/** Cases in a normal run; `PROPERTY_RUNS=100000 npx vitest run src/machine/reference` makes more. */
const RUNS = Number(process.env.PROPERTY_RUNS ?? 6_000);

const NAMES = ["A", "B", "C", "D", "E", "Exception", "Healthcheck", "H", "J", "K", "L", "M"];

/** In how many states of ten each relation and property occurs, so that each kind of schema has its share. */
interface Mix {
  readonly require: number;
  readonly add: number;
  readonly remove: number;
  readonly after: number;
  readonly auto: number;
  readonly multi: number;
  /** Whether states exclude each other in groups, as flights do. */
  readonly groups?: boolean;
}

const MIXES: readonly Mix[] = [
  { require: 2, add: 2, remove: 2, after: 0, auto: 1, multi: 1 },
  { require: 1, add: 5, remove: 3, after: 0, auto: 1, multi: 0 },
  { require: 1, add: 1, remove: 0, after: 0, auto: 2, multi: 1, groups: true },
  { require: 5, add: 1, remove: 1, after: 0, auto: 1, multi: 0, groups: true },
  { require: 1, add: 2, remove: 4, after: 0, auto: 4, multi: 2 },
  { require: 2, add: 3, remove: 3, after: 2, auto: 3, multi: 2 },
];

const chance = (tenths: number) => fc.integer({ min: 0, max: 9 }).map((draw) => draw < tenths);

/** Schemas of some of the names, with a name now and then that is unknown, the state's own, or listed twice. */
const schemas = fc
  .tuple(fc.constantFrom(...MIXES), fc.oneof(fc.constant(6), fc.integer({ min: 3, max: 12 })))
  .chain(([mix, size]) => {
    const names = NAMES.slice(0, size);
    const some = fc.array(fc.constantFrom(...names, ...names, "Ghost"), {
      minLength: 1,
      maxLength: 4,
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
    return fc.array(state, { minLength: size, maxLength: size }).map((states): Schema => {
      const entries = states.map(({ group, ...given }, i) => {
        const isException = names[i] === "Exception";
        const remove =
          mix.groups && group > 0
            ? names.filter((_, other) => states[other]!.group === group)
            : given.remove;
        // To require and remove the same state is an error of the schema, tested elsewhere.
        const require = given.require?.filter((other) => !remove?.includes(other));
        const state = {
          ...given,
          auto: given.auto && !isException,
          multi: given.multi || isException,
          remove,
          require,
        };
        return [names[i]!, JSON.parse(JSON.stringify(state))];
      });
      return Object.fromEntries(entries);
    });
  });

const OPS = ["add", "remove", "set", "toggle", "err", "canAdd", "canRemove"] as const;
type Op = (typeof OPS)[number];

const steps = fc.array(
  fc.record({
    op: fc.constantFrom<Op>("add", "add", "add", "remove", ...OPS),
    picks: fc.array(fc.nat(NAMES.length), { maxLength: 4 }),
  }),
  { minLength: 4, maxLength: 24 },
);

/** What handlers do; a hash decides each run of each handler, so that both machines see the same. */
interface Script {
  readonly seed: number;
  readonly vetoPercent: number;
  readonly throwPercent: number;
  readonly nestPercent: number;
  /** Percent of the possible handlers that are bound, for each set. */
  readonly boundPercents: readonly number[];
}

const scripts: fc.Arbitrary<Script> = fc.record({
  seed: fc.integer(),
  vetoPercent: fc.constantFrom(0, 2, 6, 15),
  throwPercent: fc.constantFrom(0, 0, 2, 6, 90),
  nestPercent: fc.constantFrom(0, 0, 3, 10),
  boundPercents: fc.constantFrom([], [], [100], [100], [60], [15], [60, 60], [100, 20]),
});

function hash(text: string, seed: number): number {
  let value = seed | 0;
  for (let i = 0; i < text.length; i++)
    value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
  return (value ^ (value >>> 13)) >>> 0;
}

/** One of the two machines, with the log of its handlers. */
interface Subject {
  readonly log: string[];
  mutate(op: Op, states: readonly string[], args: boolean): string;
  bind(names: readonly string[], run: (handler: string) => boolean): void;
}

/** Binds the handlers of a script, which log that they ran and the results of their own mutations. */
function bindScript(subject: Subject, names: readonly string[], script: Script): void {
  const { seed, vetoPercent, throwPercent, nestPercent, boundPercents } = script;
  const handlers = names.flatMap((name) => [
    ...["Enter", "Exit", "State", "End"].map((kind) => `${name}${kind}`),
    ...names.map((other) => `${name}${other}`),
  ]);
  const runs = new Map<string, number>();
  let nestings = 0;
  boundPercents.forEach((percent, set) => {
    const bound = ["AnyEnter", "AnyState", ...handlers].filter(
      (name) => hash(`bind ${set} ${name}`, seed) % 100 < percent,
    );
    subject.bind(bound, (handler) => {
      const name = `${set}:${handler}`;
      const run = (runs.get(name) ?? 0) + 1;
      runs.set(name, run);
      subject.log.push(name);
      if (hash(`nest ${name} ${run}`, seed) % 100 < nestPercent && nestings++ < 6) {
        const draw = hash(`what ${name} ${run}`, seed);
        const ops = ["add", "remove", "set", "toggle", "err", "add"] as const;
        const states = [draw, draw >>> 4].map((each) => names[each % names.length]!);
        const nested = ops[(draw >>> 8) % ops.length]!;
        subject.log.push(`-> ${subject.mutate(nested, states, (draw >>> 12) % 3 === 0)}`);
      }
      if (hash(`throw ${name} ${run}`, seed) % 100 < throwPercent) throw new Error(name);
      return hash(`veto ${name} ${run}`, seed) % 100 >= vetoPercent;
    });
  });
}

function toSubject(machine: Machine): Subject {
  const log: string[] = [];
  machine.trace({
    mutationQueued: (_, { isAuto, states }) => isAuto && log.push(`auto ${states}`),
  });
  return {
    log,
    mutate(op, states, args) {
      if (op === "err") return machine.addErr(new Error("made up"), states[0]).result;
      return machine[op](states, args ? { n: 1 } : undefined).result;
    },
    bind(names, run) {
      machine.bind(Object.fromEntries(names.map((name) => [name, () => run(name)])));
    },
  };
}

function toReferenceSubject(reference: ReferenceMachine): Subject {
  return {
    log: reference.log,
    mutate(op, states, args) {
      if (op === "err") return reference.addErr(states[0]);
      if (op === "toggle") return reference.toggle(states, args);
      if (op === "canAdd" || op === "canRemove")
        return reference.check(op === "canAdd" ? "add" : "remove", states, args);
      return reference.mutate(op, states, args);
    },
    bind: (names, run) => reference.bind(names, run),
  };
}

/** Runs `act`; returns undefined if what it started would never end. */
function unlessUnending<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (thrown) {
    if ((thrown as Error).message === UNENDING) return undefined;
    throw thrown;
  }
}

describe("Machine", () => {
  it(`acts like the reference on ${RUNS} random schemas, with vetoes, errors and nested mutations`, {
    timeout: 600_000,
  }, () => {
    let calls = 0;
    let unending = 0;
    let incremental = 0;
    let general = 0;
    fc.assert(
      fc.property(schemas, scripts, steps, (schema, script, mutations) => {
        const machine = createMachine(schema) as unknown as Machine;
        const { names } = machine;
        const reference = new ReferenceMachine(parseSchema(schema).schema, names);
        const expected = toReferenceSubject(reference);
        const actual = toSubject(machine);
        for (const subject of [expected, actual]) bindScript(subject, names, script);
        for (const { op, picks } of mutations) {
          const states = picks.map((pick) => names[pick % names.length]!);
          const result = unlessUnending(() => expected.mutate(op, states, false));
          if (result === undefined) {
            unending++;
            return;
          }
          expect([op, states, actual.mutate(op, states, false), actual.log]).toEqual([
            op,
            states,
            result,
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
        incremental += machine.resolverCounts.incremental;
        general += machine.resolverCounts.general;
      }),
      { numRuns: RUNS },
    );
    expect(calls).toBeGreaterThan(25 * RUNS);
    expect(unending).toBeLessThan(0.1 * RUNS);
    // Without a good share of both resolvers, the comparison would say little about one of them.
    expect(incremental).toBeGreaterThan(7.8 * RUNS);
    expect(general).toBeGreaterThan(3.5 * RUNS);
  });
});
