import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Transit } from "./transit.ts";

describe("Transit", () => {
  it("returns Infinity without a bound", () => {
    expect(new Transit().measure(5, 10)).toBe(Number.POSITIVE_INFINITY);
    expect(new Transit().isLoose(10)).toBe(true);
  });

  it("never returns less than a message took, however slow messages, responses and clocks are", () => {
    const delay = fc.double({ min: 0, max: 5_000, noNaN: true });
    const event = fc.record({
      isProbe: fc.boolean(),
      pauseMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
      thereMs: delay,
      backMs: delay,
    });
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 1, maxLength: 60 }),
        // The offset of the sender's clock from ours, and its drift of up to 50 millionths.
        fc.double({ min: -1e9, max: 1e9, noNaN: true }),
        fc.double({ min: -50e-6, max: 50e-6, noNaN: true }),
        (events, aheadMs, drift) => {
          const transit = new Transit();
          const stampAt = (nowMs: number) => Math.floor(nowMs * (1 + drift) - aheadMs);
          let nowMs = 0;
          for (const { isProbe, pauseMs, thereMs, backMs } of events) {
            nowMs += pauseMs;
            const sentAtMs = nowMs + thereMs;
            const arrivedAtMs = sentAtMs + backMs;
            if (isProbe) transit.bound(nowMs, stampAt(sentAtMs) + 1, arrivedAtMs);
            // The tolerance is for floating point only.
            else
              expect(transit.measure(stampAt(sentAtMs), arrivedAtMs)).toBeGreaterThan(
                backMs - 1e-3,
              );
            nowMs = arrivedAtMs;
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("exceeds the true time by at most the fastest round trip, and drift", () => {
    const transit = new Transit();
    transit.bound(1_000, 77, 1_040);
    expect(transit.isLoose(1_040)).toBe(true);
    expect(transit.measure(77, 1_000)).toBe(0);
    transit.bound(2_000, 1_060, 2_002);
    expect(transit.isLoose(2_002)).toBe(false);
    // A slower round trip gives no better bound.
    transit.bound(3_000, 2_100, 3_500);
    expect(transit.measure(2_060, 3_010)).toBeCloseTo(10, 0);
    expect(transit.isLoose(2_002 + 20_000)).toBe(true);
  });
});
