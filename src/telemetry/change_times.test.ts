import { describe, expect, it } from "vitest";
import { ChangeTimes } from "./change_times.ts";

describe("ChangeTimes", () => {
  it("returns when the clock first passed a seq", () => {
    const times = new ChangeTimes();
    expect(times.firstAfter(0)).toBeNaN();
    for (const [seq, atMs] of [
      [3, 10],
      [4, 20],
      [9, 30],
    ] as const)
      times.add(seq, atMs);
    expect([0, 2, 3, 4, 8].map((seq) => times.firstAfter(seq))).toEqual([10, 10, 20, 30, 30]);
    expect(times.firstAfter(9)).toBeNaN();
  });

  it("returns the oldest time that it remembers for older changes", () => {
    const times = new ChangeTimes();
    for (let seq = 1; seq <= 5_000; seq++) times.add(seq, seq * 10);
    expect(times.firstAfter(4_999)).toBe(50_000);
    expect(times.firstAfter(4_000)).toBe(40_010);
    expect(times.firstAfter(1)).toBe(39_770);
  });

  it("forgets all changes when an epoch begins", () => {
    const times = new ChangeTimes();
    times.add(100, 10);
    times.clear();
    times.add(1, 20);
    expect(times.firstAfter(0)).toBe(20);
    expect(times.firstAfter(1)).toBeNaN();
  });
});
