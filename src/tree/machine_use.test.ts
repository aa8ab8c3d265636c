import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../machine/mod.ts";
import { describeValue, isMachine, useMachine } from "./machine_use.ts";

function create(id: string): Machine {
  return createMachine({ Open: {} }, { id }) as unknown as Machine;
}

describe("isMachine()", () => {
  it("accepts a machine, and nothing else", () => {
    expect(isMachine(create("door"))).toBe(true);
    for (const value of [undefined, null, "door", {}, { id: "door", names: [] }, create])
      expect(isMachine(value)).toBe(false);
  });
});

describe("useMachine()", () => {
  it("reserves a machine for one node until it is released", () => {
    const door = create("door");
    const release = useMachine(door, "first");
    expect(() => useMachine(door, "second")).toThrow(
      `Cannot start "second": machine "door" already has a node, "first"; other nodes follow that one`,
    );
    release();
    expect(() => useMachine(door, "second")).not.toThrow();
  });

  it("refuses an id that cannot be sent", () => {
    for (const id of ["", "x".repeat(256)]) {
      expect(() => useMachine(create(id), "root")).toThrow(
        `Cannot start "root": the id of its machine has ${id.length} characters, not 1 to 255`,
      );
    }
    expect(() => useMachine(create("x".repeat(255)), "root")).not.toThrow();
  });

  it("refuses what is not a machine", () => {
    expect(() => useMachine({} as Machine, "root")).toThrow(
      `Cannot start "root": its machine is an object, not what createMachine() returns`,
    );
  });
});

describe("describeValue()", () => {
  it.each([
    ["text", '"text"'],
    [12, "12"],
    [undefined, "undefined"],
    [null, "null"],
    [[1], "an array"],
    [{}, "an object"],
    [() => 1, "a function"],
  ])("shows %j as %s", (value, text) => {
    expect(describeValue(value)).toBe(text);
  });
});
