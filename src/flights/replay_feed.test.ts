import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
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

let time: VirtualTime;
let controller: AbortController;
let mutations: FeedMutation[];

beforeEach(() => {
  time = new VirtualTime();
  controller = new AbortController();
  mutations = [];
});
afterEach(() => controller.abort());

/** Starts a replay on a new machine. Resolves after the CSV is loaded and the first mutation is made. */
async function startReplay(options: Partial<ReplayFeedOptions> = {}) {
  const machine = createMachine(schema, { states: stateNames });
  const feed = new ReplayFeed({
    target: machine,
    layout: flightsLayout,
    time,
    tracer: { mutated: (mutation) => mutations.push(mutation) },
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

/** Starts a replay of it at 07:00; a simulated minute takes a second. */
const startShortDay = () =>
  startReplay({ loadCsv: async () => SHORT_DAY, firstLeadMinutes: 60, speed: 60 });

const MINUTE_MS = 60_000;

describe("ReplayFeed", () => {
  it("makes the machine ready before the first flight", async () => {
    const { machine, rows } = await startReplay();
    expect(mutations[0]).toEqual({ type: "add", states: ["Start", "Ready"], args: undefined });
    expect(machine.is(["Start", "Ready"])).toBe(true);
    expect(rows().every(({ status }) => status === "Scheduled")).toBe(true);
  });

  it("shows the first flight immediately", async () => {
    const { rows } = await startReplay();
    await time.advance(0);
    expect(rows().filter(({ direction }) => direction !== undefined).length).toBeGreaterThan(0);
  });

  it("plays a flight at the given speed", async () => {
    const { rows } = await startShortDay();
    const first = () => {
      const { status, gate, goToGate } = rows()[0]!;
      return [status, gate, goToGate];
    };
    const seen = [];
    for (const minutes of [0, 14, 1, 15, 15, 14, 1, 2]) {
      await time.advance((minutes * MINUTE_MS) / 60);
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

  it("takes a slot for each movement, and shows a delayed arrival at its gate", async () => {
    const { rows } = await startShortDay();
    await time.advance((121 * MINUTE_MS) / 60);
    expect(rows()[1]).toEqual({
      flight: "Flight2",
      direction: "Inbound",
      status: "Arrived",
      gate: "3",
      goToGate: false,
    });
    expect(mutations.map(({ states }) => states[0])).toContain("Flight2Delayed");
  });

  it("plays a whole day and starts again, and counts every outcome", async () => {
    const days: number[] = [];
    const skipped: string[] = [];
    const { feed, stopped } = await startReplay({
      tracer: {
        mutated: (mutation) => mutations.push(mutation),
        skipped: (reason) => skipped.push(reason),
        dayEnded: (count) => days.push(count),
      },
    });
    // The feed starts a few minutes before the day's first movement.
    await time.advance((24.2 * 60 * MINUTE_MS) / DEFAULT_SPEED);
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
    await time.advance((24 * 60 * MINUTE_MS) / DEFAULT_SPEED);
    expect(feed.stats).toMatchObject({
      canceled: 0,
      skippedBy: { [SKIPPED_NO_SLOT]: 130 },
      days: 2,
    });
    controller.abort();
    await stopped;
  });

  it("counts a mutation that others have made impossible, with its reason, and continues", async () => {
    const { machine, feed, rows } = await startShortDay();
    await time.advance((40 * MINUTE_MS) / 60);
    machine.remove("Flight1Outbound");
    await time.advance((10 * MINUTE_MS) / 60);
    expect(feed.stats).toMatchObject({
      canceled: 1,
      canceledBy: { "GoToGate: relation Require of GoToGate, Outbound is missing": 1 },
    });
    await time.advance((12 * MINUTE_MS) / 60);
    expect(rows()[0]).toMatchObject({ status: "Scheduled", gate: undefined });
  });

  it("frees a slot of states that others have added", async () => {
    const { machine, rows } = await startShortDay();
    await time.advance((61 * MINUTE_MS) / 60);
    machine.add(["Flight1Delayed", "Flight1Inbound", "Flight1Gate5"]);
    await time.advance(MINUTE_MS / 60);
    expect(rows()[0]).toMatchObject({ direction: undefined, status: "Scheduled", gate: undefined });
  });

  it("makes no mutation for a slot that others have already freed", async () => {
    const { machine, feed } = await startShortDay();
    await time.advance((61 * MINUTE_MS) / 60);
    machine.remove(["Flight1Departed", "Flight1Outbound", "Flight1Gate2"]);
    const before = mutations.filter(({ type }) => type === "remove").length;
    await time.advance((2 * MINUTE_MS) / 60);
    expect(mutations.filter(({ type }) => type === "remove")).toHaveLength(before);
    expect(feed.stats.movements).toBe(1);
  });

  it("continues where it was after the process slept", async () => {
    const { feed } = await startReplay();
    await time.advance(10 * MINUTE_MS);
    const before = feed.stats.executed;
    time.spend(8 * 60 * MINUTE_MS);
    await time.advance(10_000);
    // About four mutations a second, and the backlog of one second.
    expect(feed.stats.executed - before).toBeLessThan(100);
    expect(feed.stats.executed).toBeGreaterThan(before);
  });

  it("limits the steps in one turn at any speed", async () => {
    const made: number[] = [];
    const setTimer = time.setTimer.bind(time);
    time.setTimer = (delayMs, run) =>
      setTimer(delayMs, () => {
        time.spend(1);
        const before = mutations.length;
        run();
        if (made.push(mutations.length - before) === 3) controller.abort();
      });
    const { stopped } = await startReplay({ speed: 1e9 });
    await time.advance(10);
    await stopped;
    for (const count of made) {
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(200);
    }
    expect(made).toHaveLength(3);
  });

  it("stops immediately when the signal aborts, and leaves no timer", async () => {
    const { feed, stopped } = await startReplay();
    await time.advance(MINUTE_MS);
    controller.abort();
    await stopped;
    const { executed } = feed.stats;
    expect(time.pending).toBe(0);
    await time.advance(MINUTE_MS);
    expect(feed.stats.executed).toBe(executed);
  });

  it("does nothing when the signal is aborted before the start", async () => {
    controller.abort();
    const machine = createMachine(schema, { states: stateNames });
    await new ReplayFeed({ target: machine, layout: flightsLayout, time }).start(controller.signal);
    expect(machine.timeSum).toBe(0);
  });

  it("rejects with an error of the target", async () => {
    const { machine, stopped } = await startReplay();
    machine.add = () => {
      throw new RangeError("unknown state");
    };
    await time.advance(MINUTE_MS);
    await expect(stopped).rejects.toThrow("unknown state");
    expect(time.pending).toBe(0);
  });

  it("rejects with the line that is not valid", async () => {
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
