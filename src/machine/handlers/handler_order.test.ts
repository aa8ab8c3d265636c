import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";
import { createStateSort } from "./handler_order.ts";

describe("createStateSort()", () => {
  it.each([
    ["Require", { A: { require: ["C"] }, B: {}, C: { require: ["D"] }, D: {} }, "B D C A"],
    ["After", { A: { after: ["B"] }, B: {}, C: {}, D: {} }, "B A C D"],
  ] as const)("sorts by %s, in the order of the machine's own handlers", (_, schema, expected) => {
    const states = ["A", "B", "C", "D", "Exception"];
    const machine = createMachine(schema as Record<string, object>, { states });
    const called: string[] = [];
    for (const state of ["A", "B", "C", "D"])
      machine.bind({ [`${state}State`]: () => void called.push(state) });
    machine.add(["A", "B", "C", "D"]);
    const order = Int32Array.of(0, 1, 2, 3);
    createStateSort(machine.schema, machine.names)(order);
    expect(Array.from(order, (index) => states[index]).join(" ")).toBe(expected);
    expect(called.join(" ")).toBe(expected);
  });
});
