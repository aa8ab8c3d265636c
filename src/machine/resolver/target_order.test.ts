import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";
import { defineSchema } from "../schema.ts";
import { sortPlacedLast, sortStable } from "./target_order.ts";

/** The published algorithm, written independently: insertion sort in blocks of 20, neighbours merged by SymMerge. */
function sortSlowly<T>(list: readonly T[], isLess: (a: T, b: T) => boolean): T[] {
  let blocks: T[][] = [];
  for (let from = 0; from < list.length; from += 20) {
    const block = list.slice(from, from + 20);
    for (let i = 1; i < block.length; i++) {
      for (let j = i; j > 0 && isLess(block[j]!, block[j - 1]!); j--) {
        [block[j], block[j - 1]] = [block[j - 1]!, block[j]!];
      }
    }
    blocks.push(block);
  }
  while (blocks.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < blocks.length; i += 2) {
      const v = [...blocks[i]!, ...(blocks[i + 1] ?? [])];
      merge(v, 0, blocks[i]!.length, v.length, isLess);
      merged.push(v);
    }
    blocks = merged;
  }
  return blocks[0] ?? [];
}

/** SymMerge of `v[a, m)` and `v[m, b)`; a search halves even if the relation is no order. */
function merge<T>(v: T[], a: number, m: number, b: number, isLess: (a: T, b: T) => boolean): void {
  if (m >= b || a >= m) return;
  if (m - a === 1) {
    const [first] = v.splice(a, 1);
    const place = search(m, b, (h) => isLess(v[h - 1]!, first!));
    v.splice(place - 1, 0, first!);
    return;
  }
  if (b - m === 1) {
    const place = search(a, m, (h) => !isLess(v[m]!, v[h]!));
    const [last] = v.splice(m, 1);
    v.splice(place, 0, last!);
    return;
  }
  const c = Math.floor((a + b) / 2);
  const n = c + m;
  const [low, high] = m > c ? [n - b, c] : [a, m];
  const start = search(low, high, (k) => !isLess(v[n - 1 - k]!, v[k]!));
  const end = n - start;
  if (start < m && m < end) {
    v.splice(start, end - start, ...v.slice(m, end), ...v.slice(start, m));
  }
  if (a < start && start < c) merge(v, a, start, c, isLess);
  if (c < end && end < b) merge(v, c, end, b, isLess);
}

/** The first place in [low, high] for which `goesOn` is false, if it stays false from there on; found by halving. */
function search(low: number, high: number, goesOn: (place: number) => boolean): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (goesOn(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function sort(list: readonly number[], isLess: (a: number, b: number) => boolean): number[] {
  const sorted = Int32Array.from(list);
  sortStable(sorted, sorted.length, isLess);
  return [...sorted];
}

describe("sortStable()", () => {
  it("sorts by a true order like any stable sort", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(999), { maxLength: 150 }), (list) => {
        const decade = (value: number) => Math.floor(value / 10);
        expect(sort(list, (a, b) => decade(a) < decade(b))).toEqual(
          [...list].sort((a, b) => decade(a) - decade(b)),
        );
      }),
    );
  });

  it("equals the published algorithm even if the relation is no order, also beyond 20 states", () => {
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
  it("moves placed states to the end, by place, and keeps the others in order, for lists of any length", () => {
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
  it("has states without Require first, and required states before those that require them", () => {
    const machine = createMachine({
      A: { require: ["B"] },
      B: { require: ["C"] },
      C: {},
      D: {},
    });
    machine.add(["A", "B", "C", "D"]);
    expect(machine.activeStates()).toEqual(["D", "C", "B", "A"]);
  });

  it("follows the index order of the states that require something", () => {
    const schema = defineSchema({ A: { require: ["Z"] }, B: { require: ["Y"] }, Y: {}, Z: {} });
    const machine = createMachine(schema);
    machine.add(["Y", "Z", "B", "A"]);
    expect(machine.activeStates()).toEqual(["Z", "A", "Y", "B"]);
    const reversed = createMachine(schema, { states: ["Z", "Y", "B", "A", "Exception"] });
    reversed.add(["Y", "Z", "B", "A"]);
    expect(reversed.activeStates()).toEqual(["Y", "B", "Z", "A"]);
  });

  it("obeys After only between neighbours, by insertion", () => {
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

  it("ignores After for two states that are each after the other", () => {
    const machine = createMachine({ A: { after: ["B"] }, B: { after: ["A"] } });
    machine.add(["B", "A"]);
    expect(machine.activeStates()).toEqual(["B", "A"]);
    machine.set(["A", "B"]);
    expect(machine.activeStates()).toEqual(["A", "B"]);
  });

  it("is the order of the call for a cycle of Require, whose states can only activate together", () => {
    const machine = createMachine({ A: { require: ["B"] }, B: { require: ["A"] }, C: {} });
    expect(machine.add("A").result).toBe("canceled");
    expect(machine.add(["B", "C", "A"]).result).toBe("executed");
    expect(machine.activeStates()).toEqual(["B", "C", "A"]);
    expect(machine.add("A").result).toBe("executed");
    machine.remove("A");
    expect(machine.activeStates()).toEqual(["C"]);
  });
});
