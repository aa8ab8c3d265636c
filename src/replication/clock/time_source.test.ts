import { describe, expect, it } from "vitest";
import { systemTime } from "./time_source.ts";

describe("systemTime", () => {
  /** The milliseconds that a timer of `delayMs` takes. */
  const measure = (delayMs: number) =>
    new Promise<number>((resolve) => {
      const startedMs = systemTime.monotonic();
      systemTime.setTimer(delayMs, () => resolve(systemTime.monotonic() - startedMs));
    });

  it("never fires a timer early, also one of less than a millisecond", async () => {
    for (const delayMs of [0.1, 0.25, 0.9]) {
      for (let i = 0; i < 20; i++) expect(await measure(delayMs)).toBeGreaterThanOrEqual(delayMs);
    }
  });

  it("lets other work run while it waits for less than a millisecond", async () => {
    let turns = 0;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    let isOver = false;
    setImmediate(count);
    await measure(0.9);
    isOver = true;
    expect(turns).toBeGreaterThan(0);
  });

  it.each([0.9, 2])("does not run a timer of %d ms after it was canceled", async (delayMs) => {
    let runs = 0;
    const cancel = systemTime.setTimer(delayMs, () => runs++);
    await new Promise<void>((resolve) => systemTime.defer(resolve));
    const before = runs;
    cancel();
    await measure(delayMs + 1);
    expect(runs).toBe(before);
  });
});
