import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { setUp } from "./_setup.ts";

const create = () =>
  setUp({ A: {}, B: { multi: true }, C: {}, D: {} }, { states: ["A", "B", "C", "D", "Exception"] });

describe("Ticks", () => {
  it("move by 1 on activation and deactivation, by 0 when called again, by 2 when multi and called again", () => {
    const machine = create();
    const row = () => machine.time(["A", "B", "C", "D"]).join(" ");
    machine.add(["A", "B"]);
    expect(row()).toBe("1 1 0 0");
    machine.add(["A", "B"]);
    expect(row()).toBe("1 3 0 0");
    machine.add(["A", "B", "C"]);
    expect(row()).toBe("1 5 1 0");
    machine.set("D");
    expect(row()).toBe("2 6 2 1");
  });

  it("of an active multi state that is only implied do not move", () => {
    const machine = setUp({ A: { add: ["M"] }, M: { multi: true } });
    machine.add("M");
    machine.add("A");
    expect(machine.tick("M")).toBe(1);
  });

  it("of an auto state that is removed and activates again move by 2", () => {
    const machine = setUp({ A: { auto: true }, B: {} });
    machine.add("B");
    machine.remove("A");
    expect(machine.clock()).toMatchObject({ A: 3, B: 1 });
  });
});

describe("ClockView", () => {
  it("reads states, and treats unknown names as documented", () => {
    const machine = create();
    machine.add(["A", "B"]);
    expect([machine.is("A"), machine.is(["A", "C"]), machine.is([]), machine.is("Nope")]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect([machine.not("C"), machine.not(["A", "C"]), machine.not([])]).toEqual([
      true,
      false,
      true,
    ]);
    expect(() => machine.not("Nope")).toThrow(
      /Cannot use state "Nope": machine "m" does not have it/,
    );
    expect([machine.any("C", ["A", "B"]), machine.any("C", "D")]).toEqual([true, false]);
    expect([machine.has(["A", "D"]), machine.has("Nope")]).toEqual([true, false]);
    expect(machine.switch(["C", "D"], ["B"])).toBe("B");
    expect(machine.switch(["C"])).toBeUndefined();
    expect([machine.tick("Nope"), machine.indexOf("Nope"), machine.time(["Nope"])]).toEqual([
      0,
      -1,
      [0],
    ]);
  });

  it("compares times: equal, or reached by every tick", () => {
    const machine = create();
    machine.add(["A", "B"]);
    expect(machine.isTime([1, 1, 0, 0, 0])).toBe(true);
    expect(machine.isTime([1, 0], ["A", "B"])).toBe(false);
    expect([machine.isTime([1, 1]), machine.isTime([1, 1, 0, 0, 0, 0])]).toEqual([false, false]);
    expect(machine.wasTime([1, 0, 0, 0, 0])).toBe(true);
    expect(machine.wasTime([0, 2], ["A", "B"])).toBe(false);
    expect([
      machine.isClock({ A: 1 }),
      machine.isClock({ A: 2 }),
      machine.wasClock({ A: 1, B: 0 }),
      machine.wasClock({ A: 2 }),
    ]).toEqual([true, false, true, false]);
    expect(machine.timeSum).toBe(2);
  });

  it("has text forms", () => {
    const machine = setUp({
      A: { auto: true, require: ["B"], add: [], remove: ["C"], after: ["C"] },
      B: { multi: true },
      C: {},
    });
    machine.add("B");
    expect(machine.toString()).toBe("(A:1 B:1)");
    expect(machine.toStringAll()).toBe("(A:1 B:1) [C:0 Exception:0]");
    expect(machine.inspect(["A", "C"])).toBe(
      "1 A\n    |Tick     1\n    |Auto     true\n    |Add      \n    |Require  B\n    |Remove   C\n    |After    C\n0 C\n    |Tick     0\n",
    );
  });

  it("is its id and clock in JSON, and one line in a console", async () => {
    const machine = create();
    machine.add(["A", "B"]);
    expect(JSON.parse(JSON.stringify({ machine }))).toEqual({
      machine: { id: "m", clock: { A: 1, B: 1, C: 0, D: 0, Exception: 0 } },
    });
    expect(inspect({ machine })).toBe("{ machine: Machine m (A:1 B:1) }");
    await machine.dispose();
    expect(inspect(machine)).toBe("Machine m ()");
  });

  it("gives out a schema that is frozen, and a clock without methods that write", () => {
    const schema = { A: { add: ["B"], tags: ["x"] }, B: {} };
    const machine = setUp(schema);
    const { A } = machine.schema as { A: { add: string[]; tags: string[] } };
    for (const part of [machine.schema, A, A.add, A.tags])
      expect(() => Object.assign(part, { 0: "C" })).toThrow(TypeError);
    schema.A.add.push("A");
    schema.A.tags.push("y");
    expect(A).toEqual({ add: ["B"], tags: ["x"] });
    // @ts-expect-error callers only read
    const write = () => (machine.ticks[0] = 1);
    // @ts-expect-error callers only read
    const fill = () => machine.ticks.fill(1);
    expect([write, fill]).toHaveLength(2);
    expect([...machine.ticks]).toEqual([0, 0, 0]);
  });

  it("calls clock listeners once per transition with the moved states", () => {
    const machine = create();
    const moved: string[] = [];
    const stop = machine.onClockChange((indexes) => moved.push([...indexes].sort().join()));
    machine.add(["A", "B"]);
    machine.add("A");
    machine.set("C");
    stop();
    machine.add("D");
    expect(moved).toEqual(["0,1", "0,1,2"]);
  });
});

describe("tags() and statesByTag()", () => {
  it("give the tags of a state, and the states with a tag, whatever its value", () => {
    const machine = setUp({ B: { tags: ["ui", "level:1"] }, A: { tags: ["level:2"] }, C: {} });
    expect([machine.tags("B"), machine.tags("C")]).toEqual([["ui", "level:1"], []]);
    expect(machine.statesByTag("level")).toEqual(["A", "B"]);
    expect(machine.statesByTag("level:2")).toEqual(["A"]);
    expect([machine.statesByTag("lev"), machine.statesByTag("ui:1")]).toEqual([[], []]);
    expect(() => machine.tags("Nope")).toThrow(/Cannot use state "Nope"/);
  });
});

describe("subscribe() and getSnapshot()", () => {
  it("call a listener at once and after each change, with a snapshot that is stable in between", () => {
    const machine = create();
    // As a framework takes them: without the machine.
    const { subscribe, getSnapshot } = machine;
    const seen: unknown[] = [];
    const stop = subscribe((snapshot) => {
      expect(snapshot).toBe(getSnapshot());
      seen.push(snapshot);
    });
    machine.add("A");
    machine.add("A");
    machine.set(["B", "C"]);
    stop();
    stop();
    machine.add("D");
    expect(seen).toEqual([
      { active: [], clock: { A: 0, B: 0, C: 0, D: 0, Exception: 0 } },
      { active: ["A"], clock: { A: 1, B: 0, C: 0, D: 0, Exception: 0 } },
      { active: ["B", "C"], clock: { A: 2, B: 1, C: 1, D: 0, Exception: 0 } },
    ]);
    expect(getSnapshot()).toMatchObject({ active: ["D", "B", "C"] });
    expect(getSnapshot()).toBe(getSnapshot());
    expect(Object.isFrozen(getSnapshot().active)).toBe(true);
  });

  it("count each subscription, and isolate listeners from each other's errors", () => {
    const machine = create();
    let calls = 0;
    const listener = () => void calls++;
    const stop = machine.subscribe(listener);
    machine.subscribe(listener);
    expect(() =>
      machine.subscribe(() => {
        throw new Error("made up");
      }),
    ).not.toThrow();
    expect(machine.err?.message).toBe("made up");
    calls = 0;
    stop();
    machine.add("A");
    expect(calls).toBe(1);
  });

  it("show the change in final handlers, a new schema, and the end", async () => {
    const machine = create();
    const seen: string[] = [];
    machine.bind({ AState: () => void seen.push(`handler ${machine.getSnapshot().active}`) });
    machine.subscribe(({ active }) => seen.push(`listener ${active}`));
    machine.getSnapshot();
    machine.add("A");
    machine.setSchema({ A: {}, B: {}, C: {}, D: {}, E: {} }, [..."EABCD", "Exception"]);
    expect(machine.getSnapshot().clock).toHaveProperty("E", 0);
    await machine.dispose();
    expect(seen).toEqual(["listener ", "handler A", "listener A", "listener A", "listener "]);
  });
});

describe("stateSignal()", () => {
  it("is shared, works while inactive, and aborts on activation, deactivation and re-entry", () => {
    const machine = create();
    const inactive = machine.stateSignal("B");
    expect(machine.stateSignal("B")).toBe(inactive);
    machine.add("A");
    expect(inactive.aborted).toBe(false);
    machine.add("B");
    expect(inactive.aborted).toBe(true);
    const active = machine.stateSignal("B");
    expect(active.aborted).toBe(false);
    machine.add("B");
    expect(active.aborted).toBe(true);
    const last = machine.stateSignal("B");
    machine.remove("B");
    expect(last.aborted).toBe(true);
    expect(() => machine.stateSignal("Nope")).toThrow(/Nope/);
  });

  it("aborts before final handlers run", () => {
    const machine = create();
    const signal = machine.stateSignal("A");
    let seen: boolean | undefined;
    machine.bind({
      AState: () => {
        seen = signal.aborted;
      },
    });
    machine.add("A");
    expect(seen).toBe(true);
  });
});
