import { describe, expect, it } from "vitest";
import { WindowMax } from "./window_max.ts";

describe("WindowMax", () => {
  it("returns the maximum for at least its window and at most twice as long", () => {
    const max = new WindowMax(100);
    expect(max.read(0)).toBe(0);
    max.record(7, 10);
    max.record(3, 20);
    expect(max.read(99)).toBe(7);
    max.record(2, 115);
    expect(max.read(150)).toBe(7);
    expect(max.read(220)).toBe(2);
    expect(max.read(330)).toBe(0);
  });

  it("forgets everything after a pause", () => {
    const max = new WindowMax(100);
    max.record(7, 0);
    max.record(1, 1_000);
    expect(max.read(1_000)).toBe(1);
  });
});
