import { describe, expect, it } from "vitest";
import { byteAims, countBytes } from "./bytes.bench.ts";
import { isMet } from "./figures.bench.ts";

describe("Messages", () => {
  it("are as short as they are meant to be", async () => {
    const counters = await countBytes(2);
    expect(counters.root.typical.length).toBeGreaterThan(50);
    expect(byteAims(counters).filter((aim) => !isMet(aim))).toEqual([]);
    // A push never tells its trace context in more than a tag, a length and 25 bytes.
    expect(Math.max(...counters.traced.typical) - Math.max(...counters.root.typical)).toBe(27);
  });
});
