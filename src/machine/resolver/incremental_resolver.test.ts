import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";

describe("The incremental resolver", () => {
  it("ignores the Remove of a state that falls with a required one, however late", () => {
    const machine = createMachine({
      P: { add: ["A", "B", "C"] },
      A: { require: ["B"], remove: ["X"] },
      B: { require: ["C"] },
      C: { require: ["D"] },
      D: {},
      X: {},
    });
    machine.add("X");
    expect(machine.add("P").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["P", "X"]);
    expect(machine.resolverCounts).toEqual({ incremental: 2, general: 0 });
  });

  it("is not used until no active state removes another one", () => {
    const machine = createMachine({
      A: { add: ["B"] },
      B: { add: ["C"] },
      C: { remove: ["A"] },
      D: {},
    });
    machine.set("A");
    // C was implied on the second level, where its Remove does not count.
    expect(machine.activeStates()).toEqual(["C", "A", "B"]);
    machine.add("D");
    expect(machine.activeStates()).toEqual(["D", "C", "B"]);
    expect(machine.resolverCounts).toEqual({ incremental: 0, general: 2 });
    machine.remove("D");
    expect(machine.resolverCounts).toEqual({ incremental: 1, general: 2 });
  });

  it("is not used until no active multi state implies others", () => {
    const machine = createMachine({ M: { multi: true, add: ["A"] }, A: {}, B: {} });
    machine.add("M");
    machine.remove("A");
    machine.add("B");
    expect(machine.is("A")).toBe(true);
    machine.remove("M");
    machine.remove("A");
    expect(machine.is("A")).toBe(false);
    expect(machine.resolverCounts).toEqual({ incremental: 2, general: 3 });
  });
});
