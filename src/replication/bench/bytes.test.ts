import { describe, expect, it } from "vitest";
import { byteAims, countBytes } from "./bytes.bench.ts";
import { isMet } from "./figures.bench.ts";

describe("Messages", () => {
  it("are within their size limits", async () => {
    const counters = await countBytes(2);
    expect(counters.root.typical.length).toBeGreaterThan(50);
    expect(byteAims(counters).filter((aim) => !isMet(aim))).toEqual([]);
    // A trace context takes a tag, a length and 25 bytes at most.
    expect(Math.max(...counters.traced.typical) - Math.max(...counters.root.typical)).toBe(27);
  });
});
