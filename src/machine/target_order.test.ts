import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sortStable as sortSlowly } from "./_reference_machine.ts";
import { createMachine } from "./machine.ts";
import { defineSchema } from "./schema.ts";
import { sortPlacedLast, sortStable } from "./target_order.ts";

function sort(list: readonly number[], isLess: (a: number, b: number) => boolean): number[] {
  const sorted = Int32Array.from(list);
  sortStable(sorted, sorted.length, isLess);
  return [...sorted];
}

describe("sortStable()", () => {
  it("sorts by a true order as any stable sort does", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(999), { maxLength: 150 }), (list) => {
        const decade = (value: number) => Math.floor(value / 10);
        expect(sort(list, (a, b) => decade(a) < decade(b))).toEqual(
          [...list].sort((a, b) => decade(a) - decade(b)),
        );
      }),
    );
  });

  it("gives what the published algorithm gives where the relation is no order, beyond 20 states too", () => {
    let beyondInsertion = 0;
    const relation = fc.array(fc.tuple(fc.nat(59), fc.nat(59)), { minLength: 100, maxLength: 900 });
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...Array(60).keys()], { minLength: 10 }),
        relation,
        (list, pairs) => {
          const known = new Set(pairs.map(([a, b]) => a * 60 + b));
          const isLess = (a: number, b: number) => !known.has(b * 60 + a) && known.has(a * 60 + b);
          const sorted = sort(list, isLess);
          expect(sorted).toEqual(sortSlowly(list, isLess));
          const inserted = [...list];
          for (let i = 1; i < inserted.length; i++) {
            for (let j = i; j > 0 && isLess(inserted[j]!, inserted[j - 1]!); j--)
              [inserted[j], inserted[j - 1]] = [inserted[j - 1]!, inserted[j]!];
          }
          if (list.length <= 20) expect(sorted).toEqual(inserted);
          else if (sorted.join() !== inserted.join()) beyondInsertion++;
        },
      ),
      { numRuns: 500 },
    );
    expect(beyondInsertion).toBeGreaterThan(0);
  });
});

describe("sortPlacedLast()", () => {
  it("puts placed states last, by place, and leaves the others in order, for lists of any length", () => {
    const topology = Int32Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? (i * 7) % 61 : -1));
    fc.assert(
      fc.property(fc.shuffledSubarray([...topology.keys()]), fc.nat(5), (states, beyond) => {
        const list = Int32Array.from([...states, ...Array(beyond).fill(99)]);
        sortPlacedLast(list, states.length, topology);
        const isPlaced = (state: number) => topology[state]! >= 0;
        expect([...list]).toEqual([
          ...states.filter((state) => !isPlaced(state)),
          ...states.filter(isPlaced).sort((a, b) => topology[a]! - topology[b]!),
          ...Array(beyond).fill(99),
        ]);
      }),
    );
  });
});

describe("the order of a target", () => {
  it("puts states without Require first, and the required before those that require them", () => {
    const machine = createMachine({
      A: { require: ["B"] },
      B: { require: ["C"] },
      C: {},
      D: {},
    });
    machine.add(["A", "B", "C", "D"]);
    expect(machine.activeStates()).toEqual(["D", "C", "B", "A"]);
  });

  it("takes the states that require something in index order", () => {
    const schema = defineSchema({ A: { require: ["Z"] }, B: { require: ["Y"] }, Y: {}, Z: {} });
    const machine = createMachine(schema);
    machine.add(["Y", "Z", "B", "A"]);
    expect(machine.activeStates()).toEqual(["Z", "A", "Y", "B"]);
    const reversed = createMachine(schema, { states: ["Z", "Y", "B", "A", "Exception"] });
    reversed.add(["Y", "Z", "B", "A"]);
    expect(reversed.activeStates()).toEqual(["Y", "B", "Z", "A"]);
  });

  it("obeys After between neighbours alone, by insertion", () => {
    const hidden = createMachine({ A: { after: ["C"] }, B: {}, C: {} });
    hidden.add(["A", "B", "C"]);
    expect(hidden.activeStates()).toEqual(["A", "B", "C"]);
    hidden.set([]);
    hidden.add(["A", "C", "B"]);
    expect(hidden.activeStates()).toEqual(["C", "A", "B"]);
    const chain = createMachine({ A: { after: ["B"] }, B: { after: ["C"] }, C: {} });
    chain.add(["A", "B", "C"]);
    expect(chain.activeStates()).toEqual(["B", "A", "C"]);
  });

  it("does nothing for two states that are each after the other", () => {
    const machine = createMachine({ A: { after: ["B"] }, B: { after: ["A"] } });
    machine.add(["B", "A"]);
    expect(machine.activeStates()).toEqual(["B", "A"]);
    machine.set(["A", "B"]);
    expect(machine.activeStates()).toEqual(["A", "B"]);
  });

  it("is kept as called on a cycle of Require, both of which can be had together", () => {
    const machine = createMachine({ A: { require: ["B"] }, B: { require: ["A"] }, C: {} });
    expect(machine.add("A").result).toBe("canceled");
    expect(machine.add(["B", "C", "A"]).result).toBe("executed");
    expect(machine.activeStates()).toEqual(["B", "C", "A"]);
  });
});
