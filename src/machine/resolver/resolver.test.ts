import { describe, expect, it } from "vitest";
import { setUp as create } from "../_setup.ts";
import type { Machine, Schema } from "../mod.ts";

function setUp(schema: Schema, active: readonly string[] = []): Machine {
  const machine = create(schema, { states: [...Object.keys(schema), "Exception"] });
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

  it("let an active state win over an implied one", () => {
    const machine = setUp({ Z: { add: ["B"] }, A: { remove: ["B"] }, B: {} }, ["A"]);
    expect(machine.add("Z").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["Z", "A"]);
  });

  it("restore a state that only a blocked state blocked", () => {
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

  it("remove all states that require a removed state", () => {
    const machine = setUp({ A: { require: ["B"] }, B: { require: ["C"] }, C: {} });
    machine.add(["A", "B", "C"]);
    machine.remove("C");
    expect(machine.activeStates()).toEqual([]);
  });

  it("let a state block others even if it loses a required state in the same transition", () => {
    const machine = setUp({
      P: { require: ["Q"], remove: ["R"] },
      Q: {},
      R: {},
      T: { remove: ["Q"] },
    });
    machine.add(["P", "Q"]);
    expect(machine.add(["T", "R"]).result).toBe("canceled");
  });
});
