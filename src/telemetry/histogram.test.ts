import { describe, expect, it } from "vitest";
import { Histogram } from "./histogram.ts";

describe("Histogram", () => {
  it("counts a value in the first bucket whose upper limit it does not exceed", () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 2.1, 5, 6, 100]) histogram.record(value);
    expect(histogram.counts).toEqual([2, 2, 2, 2]);
    expect(histogram).toMatchObject({ count: 8, sum: 117.6 });
  });

  it("counts NaN and negative values as 0", () => {
    const histogram = new Histogram([1]);
    for (const value of [-1, Number.NaN]) histogram.record(value);
    expect(histogram).toMatchObject({ counts: [2, 0], count: 2, sum: 0 });
  });

  it("keeps the last traced value of each bucket, and counts it like any other", () => {
    const histogram = new Histogram([1, 2]);
    const [one, two] = [new Uint8Array(25).fill(1), new Uint8Array(25).fill(2)];
    histogram.recordTraced(1.5, one, 1_000);
    histogram.record(1.6);
    histogram.recordTraced(1.7, two, 2_000);
    histogram.recordTraced(-1, one, 3_000);
    expect(histogram).toMatchObject({ counts: [1, 3, 0], count: 4 });
    expect(histogram.exemplars).toEqual([
      { value: 0, traceContext: one, atMs: 3_000 },
      { value: 1.7, traceContext: two, atMs: 2_000 },
    ]);
  });
});
