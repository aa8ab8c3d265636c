import { describe, expect, it } from "vitest";
import { Histogram } from "./histogram.ts";

describe("Histogram", () => {
  it("counts a value in the first bucket whose upper limit it does not exceed", () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 2.1, 5, 6, 100]) histogram.record(value);
    expect(histogram.counts).toEqual([2, 2, 2, 2]);
    expect(histogram).toMatchObject({ count: 8, sum: 117.6 });
  });

  it("takes what is below 0 or no number for 0", () => {
    const histogram = new Histogram([1]);
    for (const value of [-1, Number.NaN]) histogram.record(value);
    expect(histogram).toMatchObject({ counts: [2, 0], count: 2, sum: 0 });
  });
});
