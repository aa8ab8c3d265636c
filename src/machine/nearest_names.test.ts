import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { likelyNames, nearestNames } from "./nearest_names.ts";

const NAMES = ["Exception", "Start", "Ready", "Flight1Gate1", "Flight1Gate2", "Flight1Delayed"];

/** Optimal string alignment by its recursive definition, for comparison with the fast one. */
function slowDistance(a: string, b: string): number {
  const memo = new Map<string, number>();
  const at = (i: number, j: number): number => {
    if (i === 0 || j === 0) return i + j;
    const key = `${i},${j}`;
    const known = memo.get(key);
    if (known !== undefined) return known;
    const found = Math.min(
      at(i - 1, j) + 1,
      at(i, j - 1) + 1,
      at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
      i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
        ? at(i - 2, j - 2) + 1
        : Infinity,
    );
    memo.set(key, found);
    return found;
  };
  return at(a.length, b.length);
}

describe("nearestNames()", () => {
  it.each([
    ["Sart", "Start"],
    ["Satrt", "Start"],
    ["Startt", "Start"],
    ["start", "Start"],
    ["Raedy", "Ready"],
    ["flight1gate2", "Flight1Gate2"],
    ["Delayed", "Flight1Delayed"],
    ["Flight1Gate9", "Flight1Gate1"],
  ])("suggests for %s first %s", (name, expected) => {
    expect(nearestNames(name, NAMES)[0]).toBe(expected);
  });

  it("returns as many names as requested, or all there are", () => {
    expect(nearestNames("zzzz", NAMES)).toHaveLength(3);
    expect(nearestNames("zzzz", ["A"])).toEqual(["A"]);
    expect(nearestNames("zzzz", [])).toEqual([]);
  });

  it("returns the same as sorting all names by distance", () => {
    // A name of at most two letters never counts as part of another.
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });
    const short = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 2 });
    fc.assert(
      fc.property(fc.oneof(short, letters), fc.array(letters), (name, names) => {
        fc.pre(name.length <= 2 || !names.some((other) => other.includes(name)));
        const sorted = names
          .map((other) => ({ other, distance: slowDistance(name, other) }))
          .sort((a, b) => a.distance - b.distance)
          .map(({ other }) => other);
        expect(nearestNames(name, names)).toEqual(sorted.slice(0, 3));
      }),
    );
  });

  it("stays quick for hostile names and large schemas", () => {
    const names = Array.from({ length: 14_000 }, (_, i) => `Flight${i % 1000}Gate${i % 14}`);
    const startMs = performance.now();
    nearestNames("ab".repeat(30_000), names);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});

describe("likelyNames()", () => {
  it("leaves out names too different to be meant", () => {
    expect(likelyNames("Raedy", ["Ready", "Start"])).toEqual(["Ready"]);
    expect(likelyNames("Zzz", ["Ready", "Start"])).toEqual([]);
  });
});
