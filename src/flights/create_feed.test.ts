import { describe, expect, it } from "vitest";
import { createMachine } from "../machine/mod.ts";
import { createFeed, FEED_NAMES, schema, stateNames } from "./mod.ts";

const time = { monotonic: () => 0, setTimer: () => () => {} };

describe("createFeed()", () => {
  it.each(FEED_NAMES)("makes the feed %s", (name) => {
    const target = createMachine(schema, { states: stateNames });
    const feed = createFeed(name, { target, time });
    expect(feed.name).toBe(name);
    expect(feed.stats).toEqual({
      executed: 0,
      canceled: 0,
      queued: 0,
      canceledBy: {},
      skippedBy: {},
      movements: 0,
      days: 0,
    });
    expect(target.timeSum).toBe(0);
  });

  it.each(["schiphol", "", "Replay", "toString"])("refuses %j, and names the feeds", (name) => {
    const target = createMachine(schema, { states: stateNames });
    expect(() => createFeed(name, { target, time })).toThrow(
      new RangeError(`Cannot create feed "${name}": the feeds are replay, random, none`),
    );
  });

  it("makes a feed that drives nothing, and ends when its signal aborts", async () => {
    const target = createMachine(schema, { states: stateNames });
    const controller = new AbortController();
    let isOver = false;
    const stopped = createFeed("none", { target, time })
      .start(controller.signal)
      .then(() => {
        isOver = true;
      });
    await Promise.resolve();
    expect(isOver).toBe(false);
    controller.abort();
    await stopped;
    await createFeed("none", { target, time }).start(controller.signal);
    expect(target.timeSum).toBe(0);
  });
});
