import { describe, expect, it } from "vitest";
import { grows } from "./memory.ts";

describe("grows()", () => {
  it.each([
    ["grows", 60, [128, 187, 227, 229], true],
    ["shrinks first", 45, [167, 141, 205, 231], true],
    ["is flat", 60, [121, 121, 122, 123], false],
    ["grows only at first, while caches fill", 60, [110, 129, 130, 131], false],
    ["shrank", 60, [130, 131, 126, 130], false],
    ["ran only for a short time", 8, [60, 90, 120, 150], false],
  ])("judges a process that %s", (_, minutes, resident, expected) => {
    expect(grows({ node: "root", minutes, resident, heap: [] })).toBe(expected);
  });
});
