import { describe, expect, it } from "vitest";
import { MachineError } from "./errors.ts";
import { createMachine, type Machine } from "./mod.ts";
import { parseSchema, type Schema, sortNames } from "./schema.ts";

const machineOf = (schema: Schema, states?: string[]) =>
  createMachine(schema, states ? { states } : {}) as unknown as Machine;

describe("parseSchema()", () => {
  it.each([
    [{ A: null }, 'Cannot read state "A": it is null, not an object'],
    [{ A: ["B"] }, 'Cannot read state "A": it is ["B"], not an object'],
    [{ A: { add: "B" } }, 'Cannot read state "A": add is "B", not a list of strings'],
    [
      { A: { remove: ["B", 1] } },
      'Cannot read state "A": remove is ["B",1], not a list of strings',
    ],
    [{ A: { tags: {} } }, 'Cannot read state "A": tags is {}, not a list of strings'],
    [{ A: { multi: 1 } }, 'Cannot read state "A": multi is 1, not a boolean'],
    [
      { A: { auto: true, requires: ["B"] }, B: {} },
      'Cannot read state "A": it has no property "requires"; the nearest are "require"',
    ],
    [
      { A: { on: true } },
      'Cannot read state "A": it has no property "on"; its properties are auto, multi, require, add, remove, after, tags',
    ],
  ])("refuses an invalid schema: %j", (schema, message) => {
    expect(() => parseSchema(schema as unknown as Schema)).toThrow(new TypeError(message));
  });

  it("adds Exception as a multi state if it is missing, and keeps it as given", () => {
    expect(parseSchema({ A: {} }).schema.Exception).toEqual({ multi: true });
    expect(parseSchema({ A: {}, Exception: { tags: ["own"] } }).schema.Exception).toEqual({
      tags: ["own"],
    });
  });

  it("drops a state's own name from Remove and After, and unknown names except from Require", () => {
    const { schema } = parseSchema({
      A: {
        remove: ["A", "B", "Ghost"],
        after: ["A", "B", "Ghost"],
        add: ["Ghost", "B"],
        require: ["Ghost", "A"],
      },
      B: {},
    });
    expect(schema.A).toEqual({ remove: [], after: ["B"], add: ["B"], require: ["Ghost", "A"] });
  });

  it("lets Add win over Remove", () => {
    expect(parseSchema({ A: { add: ["B"], remove: ["B", "C"] }, B: {}, C: {} }).schema.A).toEqual({
      add: ["B"],
      remove: ["C"],
    });
  });

  it("drops relations to Exception, except Require, if the schema does not define it", () => {
    const relations = { add: ["Exception"], remove: ["Exception"], after: ["Exception"] };
    expect(parseSchema({ A: relations }).schema.A).toEqual({ add: [], remove: [], after: [] });
    expect(parseSchema({ A: { require: ["Exception"] } }).schema.A).toEqual({
      require: ["Exception"],
    });
    expect(parseSchema({ A: { remove: ["Exception"] }, Exception: {} }).schema.A).toEqual({
      remove: ["Exception"],
    });
  });
});

describe("Schema of a machine", () => {
  it("that requires and removes the same state makes a machine with Exception active and the reason in err", () => {
    const machine = machineOf({ A: { require: ["B"], remove: ["B"] }, B: {} });
    expect(machine.toString()).toBe("(Exception:1)");
    expect(machine.queueTick).toBe(2);
    expect(machine.err).toMatchObject({ code: "invalid_schema", states: ["A", "B"] });
  });

  it("is ordered bytewise by default, or as given", () => {
    expect(machineOf({ b: {}, a: {}, B: {}, Z: {} }).names).toEqual([
      "B",
      "Exception",
      "Z",
      "a",
      "b",
    ]);
    expect(sortNames(["\u{1F600}", "\uFFEE", "é", "z"])).toEqual(["z", "é", "\uFFEE", "\u{1F600}"]);
    expect(machineOf({ A: {}, B: {} }, ["B", "Exception", "A"]).names).toEqual([
      "B",
      "Exception",
      "A",
    ]);
  });

  it.each([
    [["A", "B"], /"Exception" missing/],
    [["A", "B", "Exception", "C"], /"C" not in the schema/],
    [["A", "A", "B", "Exception"], /listed twice/],
  ])("refuses the order %j", (states, message) => {
    expect(() => machineOf({ A: {}, B: {} }, states)).toThrow(message);
  });

  it("can be replaced by a larger one: ticks stay, new states start at 0, waits continue", async () => {
    const machine = machineOf({ B: {}, C: {} });
    machine.add(["B", "C"]);
    machine.remove("C");
    const both = machine.when(["B", "C"]);
    machine.setSchema({ A: { require: ["B"] }, B: {}, C: {} }, ["C", "B", "A", "Exception"]);
    expect(machine.clock()).toEqual({ A: 0, B: 1, C: 2, Exception: 0 });
    machine.add(["A", "C"]);
    await both;
    expect(machine.is(["A", "B", "C"])).toBe(true);
  });

  it("cannot be replaced by one that is not larger, with an incomplete order, or within a transition", () => {
    const machine = machineOf({ A: {}, B: {} });
    expect(() => machine.setSchema({ A: {}, B: {} }, ["A", "B", "Exception"])).toThrow(
      /has 3 states, and must have more than 3/,
    );
    expect(() => machine.setSchema({ A: {}, B: {}, C: {} }, ["A", "B", "C"])).toThrow(
      /"Exception" missing/,
    );
    let thrown: unknown;
    machine.bind({
      AState: () => {
        try {
          machine.setSchema({ A: {}, B: {}, C: {} }, ["A", "B", "C", "Exception"]);
        } catch (error) {
          thrown = error;
        }
      },
    });
    machine.add("A");
    expect(thrown).toBeInstanceOf(MachineError);
    expect(thrown).toMatchObject({ code: "in_transition" });
    expect(machine.names).toHaveLength(3);
  });
});
