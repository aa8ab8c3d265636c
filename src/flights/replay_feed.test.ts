import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMachine } from "../machine/mod.ts";
import {
  type BoardRow,
  boardRows,
  type FeedMutation,
  flightsLayout,
  schema,
  stateNames,
} from "./mod.ts";
import {
  DEFAULT_SPEED,
  ReplayFeed,
  type ReplayFeedOptions,
  SKIPPED_NO_SLOT,
} from "./replay_feed.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  controller.abort();
  vi.useRealTimers();
});

const time = {
  monotonic: () => performance.now(),
  setTimer(delayMs: number, run: () => void) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

let controller: AbortController;
let mutations: FeedMutation[];

/** Starts a replay on a new machine; the CSV is loaded and the first mutation made when it resolves. */
async function startReplay(options: Partial<ReplayFeedOptions> = {}) {
  controller = new AbortController();
  mutations = [];
  const machine = createMachine(schema, { states: stateNames });
  const feed = new ReplayFeed({
    target: machine,
    layout: flightsLayout,
    time,
    observer: { mutated: (mutation) => mutations.push(mutation) },
    ...options,
  });
  const stopped = feed.start(controller.signal);
  stopped.catch(() => {});
  await vi.waitUntil(() => mutations.length > 0, { interval: 1 });
  const rows = (): BoardRow[] => boardRows((state) => machine.is(state as "Start"));
  return { machine, feed, stopped, rows };
}

/** One departure at 08:00 and one delayed arrival at 09:00. */
const SHORT_DAY = `date,delay,distance,origin,destination
08:00,0,258,ORD,STL
07:58,40,256,STL,ORD
`;
const loadShortDay = () => Promise.resolve(SHORT_DAY);

const MINUTE_MS = 60_000;

describe("ReplayFeed", () => {
  it("makes the machine ready before the first flight", async () => {
    const { machine, rows } = await startReplay();
    expect(mutations[0]).toEqual({ type: "add", states: ["Start", "Ready"], args: undefined });
    expect(machine.is(["Start", "Ready"])).toBe(true);
    expect(rows().every(({ status }) => status === "Scheduled")).toBe(true);
  });

  it("shows the first flight at once", async () => {
    const { rows } = await startReplay();
    await vi.advanceTimersByTimeAsync(0);
    expect(rows().filter(({ direction }) => direction !== undefined).length).toBeGreaterThan(0);
  });

  it("plays a flight at the speed that it is given", async () => {
    const { rows } = await startReplay({ loadCsv: loadShortDay, firstLeadMinutes: 60, speed: 60 });
    const first = () => {
      const { status, gate, goToGate } = rows()[0]!;
      return [status, gate, goToGate];
    };
    // The departure took its slot at 07:00, when the replay begins; a simulated minute takes a second.
    const seen = [];
    for (const minutes of [0, 14, 1, 15, 15, 14, 1, 2]) {
      await vi.advanceTimersByTimeAsync((minutes * MINUTE_MS) / 60);
      seen.push(first());
    }
    expect(seen).toEqual([
      ["Scheduled", undefined, false],
      ["Scheduled", undefined, false],
      ["OnTime", undefined, false],
      ["OnTime", "2", false],
      ["OnTime", "2", true],
      ["OnTime", "2", true],
      ["Departed", "2", false],
      ["Scheduled", undefined, false],
    ]);
  });

  it("takes a slot for each movement and lets a delayed arrival come in at its gate", async () => {
    const { rows } = await startReplay({ loadCsv: loadShortDay, firstLeadMinutes: 60, speed: 60 });
    await vi.advanceTimersByTimeAsync((121 * MINUTE_MS) / 60);
    expect(rows()[1]).toEqual({
      flight: "Flight2",
      direction: "Inbound",
      status: "Arrived",
      gate: "3",
      goToGate: false,
    });
    expect(mutations.map(({ states }) => states[0])).toContain("Flight2Delayed");
  });

  it("plays a whole day and starts again, with every outcome accounted for", async () => {
    const days: number[] = [];
    const skipped: string[] = [];
    const { feed, stopped } = await startReplay({
      observer: {
        mutated: (mutation) => mutations.push(mutation),
        skipped: (reason) => skipped.push(reason),
        dayEnded: (count) => days.push(count),
      },
    });
    // The feed starts some minutes before the day's first movement.
    await vi.advanceTimersByTimeAsync((24.2 * 60 * MINUTE_MS) / DEFAULT_SPEED);
    expect(days).toEqual([1]);
    expect(feed.stats).toEqual({
      executed: 10_639,
      canceled: 0,
      queued: 0,
      canceledBy: {},
      skippedBy: { [SKIPPED_NO_SLOT]: 65 },
      movements: 1_932,
      days: 1,
    });
    expect(skipped).toHaveLength(65);
    expect(mutations).toHaveLength(10_639);
    await vi.advanceTimersByTimeAsync((24 * 60 * MINUTE_MS) / DEFAULT_SPEED);
    expect(feed.stats).toMatchObject({
      canceled: 0,
      skippedBy: { [SKIPPED_NO_SLOT]: 130 },
      days: 2,
    });
    controller.abort();
    await stopped;
  });

  it("counts with its reason what others have made impossible, and goes on", async () => {
    const { machine, feed, rows } = await startReplay({
      loadCsv: loadShortDay,
      firstLeadMinutes: 60,
      speed: 60,
    });
    await vi.advanceTimersByTimeAsync((40 * MINUTE_MS) / 60);
    machine.remove("Flight1Outbound");
    await vi.advanceTimersByTimeAsync((10 * MINUTE_MS) / 60);
    expect(feed.stats).toMatchObject({
      canceled: 1,
      canceledBy: { "GoToGate: relation Require of GoToGate, Outbound is missing": 1 },
    });
    await vi.advanceTimersByTimeAsync((12 * MINUTE_MS) / 60);
    expect(rows()[0]).toMatchObject({ status: "Scheduled", gate: undefined });
  });

  it("frees a slot from states that others have added", async () => {
    const { machine, rows } = await startReplay({
      loadCsv: loadShortDay,
      firstLeadMinutes: 60,
      speed: 60,
    });
    await vi.advanceTimersByTimeAsync((61 * MINUTE_MS) / 60);
    machine.add(["Flight1Delayed", "Flight1Inbound", "Flight1Gate5"]);
    await vi.advanceTimersByTimeAsync(MINUTE_MS / 60);
    expect(rows()[0]).toMatchObject({ direction: undefined, status: "Scheduled", gate: undefined });
  });

  it("makes no mutation for a slot that others have freed already", async () => {
    const { machine, feed } = await startReplay({
      loadCsv: loadShortDay,
      firstLeadMinutes: 60,
      speed: 60,
    });
    await vi.advanceTimersByTimeAsync((61 * MINUTE_MS) / 60);
    machine.remove(["Flight1Departed", "Flight1Outbound", "Flight1Gate2"]);
    const before = mutations.filter(({ type }) => type === "remove").length;
    await vi.advanceTimersByTimeAsync((2 * MINUTE_MS) / 60);
    expect(mutations.filter(({ type }) => type === "remove")).toHaveLength(before);
    expect(feed.stats.movements).toBe(1);
  });

  it("goes on where it was when the process slept", async () => {
    let sleptMs = 0;
    const { feed } = await startReplay({
      time: { ...time, monotonic: () => performance.now() + sleptMs },
    });
    await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
    const before = feed.stats.executed;
    sleptMs = 8 * 60 * MINUTE_MS;
    await vi.advanceTimersByTimeAsync(10_000);
    // Some four mutations a second, and what one second's backlog holds.
    expect(feed.stats.executed - before).toBeLessThan(100);
    expect(feed.stats.executed).toBeGreaterThan(before);
  });

  it("lets others have their turn at any speed", async () => {
    const { feed } = await startReplay({ speed: 1e9 });
    for (let turn = 0; turn < 3; turn++) {
      const before = feed.stats.executed;
      vi.advanceTimersToNextTimer();
      const made = feed.stats.executed - before;
      expect(made).toBeGreaterThan(0);
      expect(made).toBeLessThanOrEqual(200);
    }
  });

  it("stops at once when the signal aborts, and leaves no timer", async () => {
    const { feed, stopped } = await startReplay();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    controller.abort();
    await stopped;
    const { executed } = feed.stats;
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(feed.stats.executed).toBe(executed);
  });

  it("does nothing when the signal is aborted before the start", async () => {
    controller = new AbortController();
    controller.abort();
    const machine = createMachine(schema, { states: stateNames });
    await new ReplayFeed({ target: machine, layout: flightsLayout, time }).start(controller.signal);
    expect(machine.timeSum).toBe(0);
  });

  it("rejects with what the target throws", async () => {
    const { machine, stopped } = await startReplay();
    machine.add = () => {
      throw new RangeError("unknown state");
    };
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    await expect(stopped).rejects.toThrow("unknown state");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rejects with the line that it cannot read", async () => {
    controller = new AbortController();
    const machine = createMachine(schema, { states: stateNames });
    const loadCsv = () => Promise.resolve("date\n");
    const feed = new ReplayFeed({ target: machine, layout: flightsLayout, time, loadCsv });
    await expect(feed.start(controller.signal)).rejects.toThrow(/line 1 is not the header/);
  });

  it.each([0, -1, Number.NaN, Infinity])("refuses speed %d", (speed) => {
    const target = createMachine(schema, { states: stateNames });
    expect(() => new ReplayFeed({ target, layout: flightsLayout, time, speed })).toThrow(
      RangeError,
    );
  });
});
