import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { createFeed, type FlightsLayout, flightsLayout, schema, stateNames } from "./mod.ts";
import { RandomFeed, SKIPPED_EXCEPTION } from "./random_feed.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const time = {
  monotonic: () => performance.now(),
  setTimer(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

/** The pseudo-random numbers of the recorded runs; picks `draw mod count`. */
function recordedRandom(count: number): () => number {
  let x = 1;
  return () => {
    x = (x * 48_271) % 2_147_483_647;
    return ((x % count) + 0.5) / count;
  };
}

/** 10 flights of 5 gates with the inherited states that the recorded runs had: 148 in all. */
function recordedMachine() {
  const flightStates = Object.entries(schema).filter(([name]) => /^Flight|^Exception/.test(name));
  const recorded = {
    ...Object.fromEntries(flightStates),
    ErrNetwork: { multi: true, add: ["Exception"], require: ["Exception"] },
    ErrHandlerTimeout: { multi: true, add: ["Exception"], require: ["Exception"] },
    Start: {},
    Ready: { require: ["Start"] },
    Healthcheck: { multi: true },
    Heartbeat: {},
    ErrOnClient: { require: ["Exception"] },
  };
  const names = Object.keys(recorded);
  const layout: FlightsLayout = { ...flightsLayout, stateNames: names };
  return { machine: createMachine<string>(recorded, { states: names }), layout };
}

/** FNV-1a, 32 bits, as hex. */
function hash(text: string): string {
  let h = 0x811c9dc5;
  for (const char of text) h = Math.imul(h ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return h.toString(16).padStart(8, "0");
}

describe("RandomFeed", () => {
  it("makes the recorded traffic of the original's example, step by step", async () => {
    const { machine, layout } = recordedMachine();
    const controller = new AbortController();
    const counts = { executed: 0, canceled: 0 };
    const feed = new RandomFeed({
      target: machine,
      layout,
      time,
      random: recordedRandom(148),
      intervalMs: 10,
      observer: {
        mutated({ type, states }, { result }) {
          if (type === "add" && states.length === 3) counts[result as "executed"]++;
        },
      },
    });
    const stopped = feed.start(controller.signal);
    const first = { canceled: feed.stats.canceled, by: Object.keys(feed.stats.canceledBy) };
    const seen: unknown[] = [];
    for (const [steps, more] of [1, 1, 1, 7, 90, 900].entries()) {
      await vi.advanceTimersByTimeAsync(10 * more);
      const skipped = feed.stats.skippedBy[SKIPPED_EXCEPTION] ?? 0;
      const ticks = [...machine.ticks].join(" ");
      seen.push([steps, counts.executed, counts.canceled, skipped, machine.queueTick, hash(ticks)]);
    }
    expect(seen).toEqual([
      [0, 1, 0, 0, 3, "4555de24"],
      [1, 2, 0, 0, 4, "92196204"],
      [2, 3, 0, 0, 5, "81afa512"],
      [3, 7, 3, 0, 12, "6c4fe9ea"],
      [4, 83, 17, 0, 108, "a77f543c"],
      [5, 814, 168, 18, 1018, "761a0f28"],
    ]);
    expect(first).toEqual({
      canceled: 1,
      by: ["Ready: relation Require of Ready, Start is missing"],
    });
    controller.abort();
    await stopped;
  });

  it("counts what was canceled by reason, without the flight's name", async () => {
    const machine = createMachine(schema, { states: stateNames });
    const feed = new RandomFeed({
      target: machine,
      layout: flightsLayout,
      time,
      random: recordedRandom(149),
      intervalMs: 1,
    });
    const controller = new AbortController();
    const stopped = feed.start(controller.signal);
    await vi.advanceTimersByTimeAsync(1_000);
    const { canceled, canceledBy } = feed.stats;
    expect(canceled).toBeGreaterThan(100);
    expect(Object.values(canceledBy).reduce((sum, count) => sum + count, 0)).toBe(canceled);
    expect(Object.keys(canceledBy).join("\n")).not.toMatch(/Flight\d/);
    controller.abort();
    await stopped;
  });

  it("does not make up for the time that the process slept", async () => {
    let slept = 0;
    let random = 0;
    const feed = new RandomFeed({
      target: {
        add: () => ({ result: "executed" }),
        remove: () => ({ result: "executed" }),
        is: () => false,
      },
      layout: flightsLayout,
      time: { ...time, monotonic: () => performance.now() + slept },
      random: () => (++random % 7) / 7 + 0.1,
      intervalMs: 100,
    });
    const controller = new AbortController();
    const stopped = feed.start(controller.signal);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(feed.stats.executed).toBe(11);
    slept = 3_600_000;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(feed.stats.executed).toBeLessThanOrEqual(11 + 10 + 11);
    controller.abort();
    await stopped;
  });
});

describe("createFeed()", () => {
  it("uses the interval that it is given", async () => {
    const machine = createMachine(schema, { states: stateNames });
    const feed = createFeed("random", { target: machine, time, mutationIntervalMs: 250 });
    const controller = new AbortController();
    const stopped = feed.start(controller.signal);
    const total = () => {
      const { executed, canceled, skippedBy } = feed.stats;
      return executed + canceled + (skippedBy[SKIPPED_EXCEPTION] ?? 0);
    };
    expect(total()).toBe(1);
    await vi.advanceTimersByTimeAsync(2_500);
    expect(total()).toBe(11);
    controller.abort();
    await stopped;
    await vi.advanceTimersByTimeAsync(2_500);
    expect(total()).toBe(11);
    expect(vi.getTimerCount()).toBe(0);
  });
});
