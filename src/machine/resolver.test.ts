import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "./machine.ts";
import type { Schema } from "./schema.ts";
import { sortStable } from "./target_order.ts";

function setUp(schema: Schema, active: readonly string[] = []): Machine {
  const machine = createMachine(schema, {
    states: [...Object.keys(schema), "Exception"],
  }) as unknown as Machine;
  for (const name of active) machine.add(name);
  expect(machine.is(active)).toBe(true);
  return machine;
}

const EXCLUSIVE: Schema = { A: { remove: ["A", "B"] }, B: { remove: ["A", "B"] } };

describe("Relations", () => {
  it("let a called state win over an active one if they remove each other", () => {
    const machine = setUp(EXCLUSIVE, ["A"]);
    expect(machine.add("B").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["B"]);
  });

  it("let an active state that removes a called one win", () => {
    const machine = setUp({ A: { remove: ["B"] }, B: {} }, ["A"]);
    expect(machine.add("B")).toEqual({
      result: "canceled",
      rejected: { state: "B", by: "relation Remove of A" },
    });
  });

  it("cancel two called states of an exclusive group", () => {
    expect(setUp(EXCLUSIVE).add(["A", "B"])).toEqual({
      result: "canceled",
      rejected: { state: "B", by: "relation Remove of A" },
    });
  });

  it("let an implied state lose against an active one", () => {
    const machine = setUp({ Z: { add: ["B"] }, A: { remove: ["B"] }, B: {} }, ["A"]);
    expect(machine.add("Z").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["Z", "A"]);
  });

  it("restore what only a blocked state blocked", () => {
    const machine = setUp(
      { Water: { add: ["Wet"], remove: ["Dry"] }, Dry: { remove: ["Wet"] }, Wet: {} },
      ["Dry"],
    );
    machine.add("Water");
    expect([...machine.activeStates()].sort()).toEqual(["Water", "Wet"]);
  });

  it("imply two levels deep, the second level first in order and without its own Remove", () => {
    const machine = setUp(
      { A: { add: ["B"] }, B: { add: ["C"] }, C: { add: ["D"], remove: ["X"] }, D: {}, X: {} },
      ["X"],
    );
    machine.add("A");
    expect(machine.activeStates()).toEqual(["C", "A", "X", "B"]);
  });

  it("check an implied state's Require before its own Add", () => {
    const machine = setUp({ A: { add: ["B"] }, B: { require: ["Z"], add: ["Z"] }, Z: {} });
    machine.add("A");
    expect(machine.activeStates()).toEqual(["A"]);
    machine.add("B");
    expect(machine.is(["B", "Z"])).toBe(true);
  });

  it("drop on Set what an active state implied, and imply again for an active multi state", () => {
    const once = setUp({ A: { add: ["B"] }, B: {} }, ["A"]);
    once.set("A");
    expect(once.activeStates()).toEqual(["A"]);
    once.add("A");
    expect(once.activeStates()).toEqual(["A"]);
    const multi = setUp({ M: { multi: true, add: ["B"] }, B: {}, C: {} }, ["M"]);
    multi.remove("B");
    expect(multi.is("B")).toBe(false);
    multi.add("C");
    expect(multi.is("B")).toBe(true);
  });

  it("remove with a state all that requires it", () => {
    const machine = setUp({ A: { require: ["B"] }, B: { require: ["C"] }, C: {} });
    machine.add(["A", "B", "C"]);
    machine.remove("C");
    expect(machine.activeStates()).toEqual([]);
  });

  it("let a state block that loses what it requires in the same transition", () => {
    const machine = setUp({
      P: { require: ["Q"], remove: ["R"] },
      Q: {},
      R: {},
      T: { remove: ["Q"] },
    });
    machine.add(["P", "Q"]);
    expect(machine.add(["T", "R"]).result).toBe("canceled");
  });

  it("order states without Require first, then required before requiring", () => {
    const machine = setUp({ A: { require: ["B"] }, B: { require: ["C"] }, C: {}, D: {} });
    machine.add(["A", "B", "C", "D"]);
    expect(machine.activeStates()).toEqual(["D", "C", "B", "A"]);
  });

  it("order by After as far as neighbours tell", () => {
    const order = (schema: Schema, called: readonly string[]) => {
      const machine = setUp(schema);
      machine.add(called);
      return machine.activeStates().join(" ");
    };
    const one: Schema = { A: { after: ["C"] }, B: {}, C: {} };
    expect(order(one, ["A", "B", "C"])).toBe("A B C");
    expect(order(one, ["A", "C", "B"])).toBe("C A B");
    expect(order({ A: { after: ["B"] }, B: { after: ["C"] }, C: {} }, ["A", "B", "C"])).toBe(
      "B A C",
    );
  });

  it("keep the order of states that require each other, and accept both", () => {
    const machine = setUp({ B: { require: ["A"] }, A: { require: ["B"] } });
    expect(machine.add(["B", "A"]).result).toBe("executed");
    expect(machine.activeStates()).toEqual(["B", "A"]);
    expect(machine.add("A").result).toBe("executed");
    machine.remove("A");
    expect(machine.activeStates()).toEqual([]);
  });

  it("never activate a state that requires an unknown one, and say so", () => {
    expect(setUp({ A: { require: ["Ghost"] } }).add("A")).toEqual({
      result: "canceled",
      rejected: { state: "A", by: "relation Require of A, which names an unknown state" },
    });
  });
});

describe("sortStable()", () => {
  it("sorts like any stable sort where the order is a strict weak one, also beyond a block", () => {
    for (const size of [5, 20, 21, 47, 200]) {
      const list = Int32Array.from({ length: size }, (_, i) => (i * 7_919) % 31);
      const tagged = Int32Array.from(list, (value, i) => value * 1_000 + i);
      sortStable(tagged, size, (a, b) => Math.floor(a / 1_000) < Math.floor(b / 1_000));
      const expected = Array.from(list, (value, i) => value * 1_000 + i).sort(
        (a, b) => Math.floor(a / 1_000) - Math.floor(b / 1_000),
      );
      expect([...tagged]).toEqual(expected);
    }
  });

  it("moves a state past neighbours only", () => {
    const list = Int32Array.of(0, 1, 2);
    sortStable(list, 3, (a, b) => a === 2 && b === 0);
    expect([...list]).toEqual([0, 1, 2]);
  });
});
