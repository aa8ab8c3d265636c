import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";
import { defineSchema } from "../schema.ts";

const SCHEMA = defineSchema({ A: {}, B: { remove: ["A"] }, C: {}, D: { remove: ["A", "C"] } });

/** A machine with these handlers, and the log of their calls. */
function createLogged(names: readonly string[]) {
  const machine = createMachine(SCHEMA);
  const log: string[] = [];
  const stop = machine.bind(
    Object.fromEntries(names.map((name) => [name, () => void log.push(name)])),
  );
  return { machine, log, stop };
}

describe("HandlerIndex", () => {
  it.each(["AEnter", "AExit", "AState", "AEnd", "AnyEnter", "AnyState", "CB", "CC"])(
    "finds %s if it is the only handler",
    (name) => {
      const { machine, log } = createLogged([name]);
      machine.add(["A", "C"]);
      machine.add("B");
      const count = name.startsWith("Any") || name === "CC" ? log.length : 1;
      expect(log).toEqual(Array.from({ length: Math.max(1, count) }, () => name));
    },
  );

  it("skips a pair whose first state is inactive or whose second is not in the target", () => {
    const { machine, log } = createLogged(["AC", "BC", "CA"]);
    machine.add("C");
    machine.add("A");
    machine.add("B");
    expect(log).toEqual(["CA", "AC"]);
  });

  it("drops removed handlers, and follows a new index order", () => {
    const { machine, log, stop } = createLogged(["CState", "CA"]);
    machine.setSchema({ ...SCHEMA, AA: {} }, ["C", "B", "AA", "A", "D", "Exception"]);
    machine.add("C");
    machine.add("A");
    expect(log).toEqual(["CState", "CA"]);
    stop();
    machine.remove("C");
    machine.add("C");
    expect(log).toHaveLength(2);
  });

  it("keeps the exits in the order of the active states", () => {
    const { machine, log } = createLogged(["AExit", "CExit", "AEnd", "CEnd"]);
    machine.add("A");
    machine.add("C");
    machine.add("D");
    expect(machine.resolverCounts.general).toBe(0);
    expect(log).toEqual(["CExit", "AExit", "CEnd", "AEnd"]);
  });
});
