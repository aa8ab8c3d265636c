import { describe, expect, it } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import {
  createFeed,
  type Feed,
  type FlightsLayout,
  flightsLayout,
  schema,
  stateNames,
} from "./mod.ts";
import { RandomFeed, SKIPPED_EXCEPTION } from "./random_feed.ts";

/** The pseudo-random numbers of the recorded runs: a pick is `draw mod count`. */
function recordedRandom(count: number): () => number {
  let x = 1;
  return () => {
    x = (x * 48_271) % 2_147_483_647;
    return ((x % count) + 0.5) / count;
  };
}

/** 10 flights of 5 gates, with the inherited states of the recorded runs: 148 states. */
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

/** Runs a feed during `drive`, ends it, and checks that no timer is left. */
async function run(feed: Feed, time: VirtualTime, drive: () => Promise<void>): Promise<void> {
  const controller = new AbortController();
  const stopped = feed.start(controller.signal);
  await drive();
  controller.abort();
  await stopped;
  expect(time.pending).toBe(0);
}

describe("RandomFeed", () => {
  it("makes the recorded traffic of the original's example, step by step", async () => {
    const { machine, layout } = recordedMachine();
    const time = new VirtualTime();
    const counts = { executed: 0, canceled: 0 };
    const feed = new RandomFeed({
      target: machine,
      layout,
      time,
      random: recordedRandom(148),
      intervalMs: 10,
      tracer: {
        mutated({ type, states }, { result }) {
          if (type === "add" && states.length === 3) counts[result as "executed"]++;
        },
      },
    });
    const seen: unknown[] = [];
    await run(feed, time, async () => {
      expect(feed.stats).toMatchObject({
        canceled: 1,
        canceledBy: { "Ready: relation Require of Ready, Start is missing": 1 },
      });
      for (const [index, steps] of [1, 1, 1, 7, 90, 900].entries()) {
        await time.advance(10 * steps);
        const skipped = feed.stats.skippedBy[SKIPPED_EXCEPTION] ?? 0;
        const ticks = hash([...machine.ticks].join(" "));
        seen.push([index, counts.executed, counts.canceled, skipped, machine.queueTick, ticks]);
      }
    });
    expect(seen).toEqual([
      [0, 1, 0, 0, 3, "4555de24"],
      [1, 2, 0, 0, 4, "92196204"],
      [2, 3, 0, 0, 5, "81afa512"],
      [3, 7, 3, 0, 12, "6c4fe9ea"],
      [4, 83, 17, 0, 108, "a77f543c"],
      [5, 814, 168, 18, 1018, "761a0f28"],
    ]);
  });

  it("counts cancellations by reason, without the flight's name", async () => {
    const target = createMachine(schema, { states: stateNames });
    const time = new VirtualTime();
    const random = recordedRandom(149);
    const feed = new RandomFeed({ target, layout: flightsLayout, time, random, intervalMs: 1 });
    await run(feed, time, () => time.advance(1_000));
    const { canceled, canceledBy } = feed.stats;
    expect(canceled).toBeGreaterThan(100);
    expect(Object.values(canceledBy).reduce((sum, count) => sum + count, 0)).toBe(canceled);
    expect(Object.keys(canceledBy).join("\n")).not.toMatch(/Flight\d/);
  });

  it("does not make up for the time that the process slept", async () => {
    const time = new VirtualTime();
    let random = 0;
    const feed = new RandomFeed({
      target: {
        add: () => ({ result: "executed" }),
        remove: () => ({ result: "executed" }),
        is: () => false,
      },
      layout: flightsLayout,
      time,
      random: () => (++random % 7) / 7 + 0.1,
      intervalMs: 100,
    });
    await run(feed, time, async () => {
      await time.advance(1_000);
      expect(feed.stats.executed).toBe(11);
      time.spend(3_600_000);
      await time.advance(1_000);
      // The late mutation, one second's backlog, and one second's mutations.
      expect(feed.stats.executed).toBeLessThanOrEqual(11 + 1 + 11 + 10);
    });
  });
});

describe("createFeed()", () => {
  it("uses the given interval", async () => {
    const target = createMachine(schema, { states: stateNames });
    const time = new VirtualTime();
    const feed = createFeed("random", { target, time, mutationIntervalMs: 250 });
    const total = () => {
      const { executed, canceled, skippedBy } = feed.stats;
      return executed + canceled + (skippedBy[SKIPPED_EXCEPTION] ?? 0);
    };
    await run(feed, time, async () => {
      expect(total()).toBe(1);
      await time.advance(2_500);
    });
    expect(total()).toBe(11);
    await time.advance(2_500);
    expect(total()).toBe(11);
  });
});
