import { describe, expect, it } from "vitest";
import { MAX_WAIT_MS, runTimerLoop } from "./_timer_loop.ts";

/** A time source that records timers, for the test to run. */
function createTimers() {
  const delays: number[] = [];
  const waiting = new Set<() => void>();
  return {
    delays,
    waiting,
    monotonic: () => 0,
    setTimer(delayMs: number, run: () => void) {
      delays.push(delayMs);
      waiting.add(run);
      return () => waiting.delete(run);
    },
    runNext() {
      const [run] = waiting;
      waiting.delete(run!);
      run!();
    },
  };
}

describe("runTimerLoop()", () => {
  it("waits as long as the last run returned, and never less than 0", () => {
    const timers = createTimers();
    const delays = [20, -5, 7];
    void runTimerLoop(timers, new AbortController().signal, 10, () => delays.shift()!);
    for (let i = 0; i < 3; i++) timers.runNext();
    expect(timers.delays).toEqual([10, 20, 0, 7]);
  });

  it("splits a wait that is too long for a timer", () => {
    const timers = createTimers();
    let runs = 0;
    const run = () => ++runs;
    void runTimerLoop(timers, new AbortController().signal, MAX_WAIT_MS + 50, run);
    timers.runNext();
    expect([runs, timers.delays]).toEqual([0, [MAX_WAIT_MS, 50]]);
    timers.runNext();
    expect(runs).toBe(1);
  });

  it("resolves when the signal aborts, even during a run, and leaves no timer", async () => {
    const timers = createTimers();
    const controller = new AbortController();
    const waits = runTimerLoop(timers, controller.signal, 10, () => 10);
    controller.abort();
    await waits;
    expect(timers.waiting.size).toBe(0);

    const second = new AbortController();
    const aborts = runTimerLoop(timers, second.signal, 10, () => {
      second.abort();
      return 10;
    });
    timers.runNext();
    await aborts;
    expect(timers.waiting.size).toBe(0);
  });

  it("does not run for a signal that has aborted", async () => {
    const timers = createTimers();
    await runTimerLoop(timers, AbortSignal.abort(), 10, () => 10);
    expect(timers.delays).toEqual([]);
  });

  it("rejects with an error of a run, and removes its listener from the signal", async () => {
    const timers = createTimers();
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const fails = runTimerLoop(timers, signal, 10, () => {
      throw new RangeError("no");
    });
    expect(listeners).toBe(1);
    timers.runNext();
    await expect(fails).rejects.toThrow("no");
    expect([listeners, timers.waiting.size]).toEqual([0, 0]);
  });
});
