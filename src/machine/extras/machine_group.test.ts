import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../mod.ts";
import { defineSchema } from "../schema.ts";
import { exportMachines, importMachines, type MachinesExport } from "./machine_group.ts";
import { pipe, pipeAny, pipeMany } from "./pipes.ts";

const SCHEMA = defineSchema({
  A: { remove: ["B"] },
  B: { remove: ["A"] },
  C: { add: ["D"] },
  D: {},
  M: { multi: true },
});
const STATES = ["A", "B", "C", "D", "M"] as const;
const TARGET = defineSchema({ X: {}, Y: {}, Z: {}, N: { multi: true } });

/** Five machines: a source, a copy of it, a copy of the copy, a target piped after it and one piped at once. */
function createProgram(hasPipes = true) {
  const source = createMachine(SCHEMA, { id: "source" });
  const copy = createMachine(SCHEMA, { id: "copy" });
  const copyOfCopy = createMachine(SCHEMA, { id: "copy of copy" });
  const late = createMachine(TARGET, { id: "late" });
  const flat = createMachine(TARGET, { id: "flat" });
  const bindPipes = () => {
    pipeAny(source, copy);
    pipeAny(copy, copyOfCopy);
    pipeMany(source, late, { A: "X", C: "Y", M: { added: "N" } });
    pipe(source, "D", flat, "X", { isFlat: true });
    pipe(late, "X", flat, "Y");
    pipe(flat, "Y", flat, "Z", { isFlat: true });
  };
  if (hasPipes) bindPipes();
  return { source, copy, late, flat, bindPipes, all: [source, copy, copyOfCopy, late, flat] };
}

/** Names of the active states in an export. */
function active(exported: MachinesExport, id: string): string[] {
  const { states, ticks } = exported[id]!;
  return states.filter((_, i) => ticks[i]! % 2 === 1).sort();
}

/** What holds between sources and targets once nothing is under way. */
function expectConsistent(exported: MachinesExport): void {
  const source = active(exported, "source");
  expect(active(exported, "copy")).toEqual(source);
  expect(active(exported, "copy of copy")).toEqual(source);
  const late = active(exported, "late");
  const flat = active(exported, "flat");
  expect([late.includes("X"), late.includes("Y")]).toEqual([
    source.includes("A"),
    source.includes("C"),
  ]);
  expect([flat.includes("X"), flat.includes("Y"), flat.includes("Z")]).toEqual([
    source.includes("D"),
    late.includes("X"),
    late.includes("X"),
  ]);
}

/** Numbers below `below` out of a seed. */
function createRandom(seed: number): (below: number) => number {
  let value = seed;
  return (below) => {
    value = (Math.imul(value, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((value / 2 ** 32) * below);
  };
}

type Step = readonly [type: "add" | "remove" | "set", states: (typeof STATES)[number][]];

function randomStep(random: (below: number) => number): Step {
  const type = (["add", "add", "remove", "set"] as const)[random(4)]!;
  const states = STATES.filter(() => random(3) === 0);
  return [type, states.length > 0 ? states : [STATES[random(STATES.length)]!]];
}

function clocks(machines: readonly Machine<never>[]): unknown {
  return machines.map((machine) => [
    machine.id,
    machine.clock(),
    machine.activeStates(machine.names),
  ]);
}

const asAny = (machines: readonly unknown[]) => machines as readonly Machine<never>[];

describe("exportMachines() and importMachines()", () => {
  it.each([1, 2, 3, 4, 5])("make a round trip under load, seed %i", async (seed) => {
    const random = createRandom(seed);
    const program = createProgram();
    const exports: MachinesExport[] = [];
    let underWay = 0;
    const keepExport = () => {
      const before = program.copy.timeSum;
      exports.push(JSON.parse(JSON.stringify(exportMachines(program.all))));
      if (program.copy.timeSum !== before) underWay++;
    };
    const mutate = async () => {
      for (let i = 0; i < 60; i++) {
        const [type, states] = randomStep(random);
        program.source[type](states);
        if (random(10) === 0) keepExport();
        for (let turns = random(4); turns > 0; turns--) await Promise.resolve();
        if (random(20) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const keepExporting = async () => {
      for (let i = 0; i < 60; i++) {
        keepExport();
        for (let turns = random(3); turns > 0; turns--) await Promise.resolve();
        if (random(10) === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    await Promise.all([...Array.from({ length: 8 }, mutate), keepExporting(), keepExporting()]);
    // Otherwise the load shows nothing.
    expect(underWay).toBeGreaterThan(10);
    for (const exported of exports) expectConsistent(exported);

    for (const exported of exports.filter((_, i) => i % 10 === 0)) {
      const [before, after] = [createProgram(), createProgram(false)];
      for (const twin of [before, after]) importMachines(twin.all, exported);
      after.bindPipes();
      await Promise.resolve();
      for (const twin of [before, after]) {
        for (const { id, ticks } of Object.values(exported)) {
          expect(twin.all.find((machine) => machine.id === id)!.time()).toEqual(ticks);
        }
      }
    }

    const twin = createProgram();
    importMachines(twin.all, exportMachines(program.all));
    for (let i = 0; i < 200; i++) {
      const [type, states] = randomStep(random);
      const args = type === "remove" ? undefined : { step: i };
      for (const { source } of [program, twin]) source[type](states, args);
      if (random(3) === 0) await Promise.resolve();
      expect(twin.source.clock()).toEqual(program.source.clock());
    }
    exportMachines(twin.all);
    exportMachines(program.all);
    expect(clocks(asAny(twin.all))).toEqual(clocks(asAny(program.all)));
  });

  it("deliver what is under way, once, and in the order of the source's transitions", async () => {
    const { source, late, all } = createProgram();
    const log: string[] = [];
    late.trace({ transitionEnd: ({ mutation }) => void log.push(mutation.type) });
    source.add("A");
    source.remove("A");
    source.add("A");
    expect(active(exportMachines(all), "late")).toEqual(["X"]);
    await Promise.resolve();
    expect(log).toEqual(["add", "remove", "add"]);
  });

  it("let nothing from before an import change the machines after it", async () => {
    const { source, all } = createProgram();
    const exported = exportMachines(all);
    source.add(["A", "C"]);
    importMachines(all, exported);
    await Promise.resolve();
    for (const machine of all) expect(machine.timeSum).toBe(0);
  });

  it("move all clocks before listeners and MachineRestored see one", async () => {
    const schema = defineSchema({ A: {}, B: {}, MachineRestored: { multi: true } });
    const create = () => {
      const [one, two] = ["one", "two"].map((id) => createMachine(schema, { id }));
      pipe(one!, "MachineRestored", two!, { added: "B" }, { isFlat: true });
      return [one!, two!] as const;
    };
    const old = create();
    old[1].add("A");
    old[0].add("A");
    const restored = create();
    const seen: boolean[] = [];
    restored[0].onClockChange(() => seen.push(restored[1].is("A")));
    importMachines(restored, exportMachines(old));
    expect(new Set(seen)).toEqual(new Set([true]));
    expect(restored[1].is(["A", "B", "MachineRestored"])).toBe(true);
  });

  it("are refused within a transition of one of the machines", () => {
    const { source, all } = createProgram();
    const exported = exportMachines(all);
    const thrown: unknown[] = [];
    source.handle({
      AState() {
        for (const run of [() => exportMachines(all), () => importMachines(all, exported)]) {
          try {
            run();
          } catch (error) {
            thrown.push(error);
          }
        }
      },
    });
    source.add("A");
    const message = (what: string) => `Cannot ${what} machines: "source" is running a transition`;
    expect(thrown).toMatchObject(
      ["export", "import"].map((what) => ({ code: "in_transition", message: message(what) })),
    );
  });

  it("refuse pipes that never come to rest", async () => {
    const ring = ["one", "two"].map((id) => createMachine(TARGET, { id }));
    const unbind = [
      pipe(ring[0]!, "N", ring[1]!, { added: "N" }),
      pipe(ring[1]!, "N", ring[0]!, { added: "N" }),
    ];
    ring[0]!.add("N");
    try {
      expect(() => exportMachines(ring)).toThrow("100000 mutations, and more are under way");
    } finally {
      for (const each of unbind) each();
    }
    await Promise.resolve();
    expect(Object.keys(exportMachines(ring))).toEqual(["one", "two"]);
  });

  it("refuse two machines with one id", () => {
    const twins = [createMachine(TARGET, { id: "t" }), createMachine(TARGET, { id: "t" })];
    expect(() => exportMachines(twins)).toThrow(
      'Cannot export machines: two of them have the id "t"',
    );
    expect(() => importMachines(twins, {})).toThrow(
      'Cannot import machines: two of them have the id "t"',
    );
  });
});

describe("importMachines()", () => {
  const one = createMachine(TARGET, { id: "one" }).export();
  const two = createMachine(TARGET, { id: "two" }).export();
  const ticks = one.ticks.map(() => -1);

  it.each([
    ["null", null, "not an object with the export of each machine by its id"],
    ["a list", [one, two], "not an object with the export of each machine by its id"],
    ["a missing id", { one }, 'no export for "two"; there are exports for "one"'],
    ["nothing", {}, 'no export for "one", "two"; there are exports for none'],
    ["an unknown id", { one, two, x: one }, 'no machine for "x"; the machines are "one", "two"'],
    ["another machine's export", { one, two: one }, 'at "two": Cannot import the clock of "one"'],
    ["no export", { one, two: 7 }, 'at "two": Cannot import: not the export of a machine'],
    ["half an export", { one, two: { id: "two" } }, 'at "two": Cannot import: not the export'],
    ["a bad tick", { one, two: { ...two, ticks } }, "is -1, not an integer >= 0"],
    [
      "other states",
      { one, two: { ...two, states: [...STATES] } },
      'states "A", "B", "C", "D", "M"',
    ],
  ])("refuses %s, and changes no machine", (_, exported, message) => {
    const machines = ["one", "two"].map((id) => createMachine(TARGET, { id }));
    machines[0]!.add("X");
    const before = clocks(asAny(machines));
    const run = () => importMachines(machines, exported as unknown as MachinesExport);
    expect(run).toThrow(message);
    expect(run).toThrow(expect.objectContaining({ code: "invalid_import" }));
    expect(clocks(asAny(machines))).toEqual(before);
    expect(machines.map(({ machineTick }) => machineTick)).toEqual([0, 0]);
  });

  it("refuses a disposed machine, and changes no other", async () => {
    const machines = ["one", "two"].map((id) => createMachine(TARGET, { id }));
    machines[0]!.add("X");
    const exported = exportMachines(machines);
    machines[0]!.remove("X");
    await machines[1]!.dispose();
    expect(() => importMachines(machines, exported)).toThrow(
      expect.objectContaining({ name: "MachineError" }),
    );
    expect(machines[0]!.is("X")).toBe(false);
  });
});
