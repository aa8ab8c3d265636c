import { describe, expect, it } from "vitest";
import {
  activeIndexes,
  diffTime,
  hasReachedTime,
  isTimeAfter,
  isTimeBefore,
  nextActiveTick,
  nextInactiveTick,
  sumTime,
} from "./time.ts";

describe("sumTime()", () => {
  it("adds up all ticks, or some, those out of range as 0", () => {
    expect(sumTime([1, 2, 4])).toBe(7);
    expect(sumTime([1, 2, 4], [0, 2, 7, -1])).toBe(5);
    expect(sumTime([], [])).toBe(0);
    expect(sumTime(Float64Array.of(3, 4))).toBe(7);
  });
});

describe("diffTime()", () => {
  it("takes tick from tick", () => {
    expect(diffTime([3, 2, 0], [1, 2, 0])).toEqual([2, 0, 0]);
  });

  it("is all zeros for times of different length", () => {
    expect(diffTime([3, 2], [1])).toEqual([0, 0]);
  });
});

describe("isTimeAfter(), isTimeBefore(), hasReachedTime()", () => {
  it.each([
    { time: [2, 3], other: [1, 2], after: true, before: false, reached: true },
    { time: [2, 2], other: [1, 2], after: false, before: false, reached: true },
    { time: [1, 2], other: [1, 2], after: false, before: false, reached: true },
    { time: [1, 2], other: [2, 3], after: false, before: true, reached: false },
    { time: [1, 3], other: [2, 3], after: false, before: false, reached: false },
    { time: [9, 1], other: [1, 2], after: false, before: false, reached: false },
    { time: [9, 9], other: [1], after: false, before: false, reached: false },
    { time: [0], other: [9, 9], after: false, before: false, reached: false },
  ])("need every index: $time and $other", ({ time, other, after, before, reached }) => {
    expect(isTimeAfter(time, other)).toBe(after);
    expect(isTimeBefore(time, other)).toBe(before);
    expect(hasReachedTime(time, other)).toBe(reached);
  });
});

describe("activeIndexes()", () => {
  it("gives the places of odd ticks", () => {
    expect(activeIndexes([1, 2, 0, 7])).toEqual([0, 3]);
  });
});

describe("nextActiveTick(), nextInactiveTick()", () => {
  it("go past what is under way", () => {
    expect([0, 1, 2, 3].map(nextActiveTick)).toEqual([1, 3, 3, 5]);
    expect([0, 1, 2, 3].map(nextInactiveTick)).toEqual([2, 2, 4, 4]);
  });
});
