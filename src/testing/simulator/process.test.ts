import { describe, expect, it } from "vitest";
import { EventQueue } from "./events.ts";
import { SimProcess, type WakeOrder } from "./process.ts";

function setUp() {
  const events = new EventQueue();
  const log: string[] = [];
  const process = new SimProcess("a", events, {
    wallErrorMs: 0,
    monotonicStartMs: 100,
    onRun: () => {},
  });
  const note = (what: string) => () => log.push(`${what} at ${events.nowMs}`);
  const run = async (untilMs: number) => {
    while (await events.step(untilMs));
  };
  return { events, process, log, note, run };
}

describe("SimProcess", () => {
  it("runs timers when they are due, except canceled ones", async () => {
    const { process, log, note, run } = setUp();
    process.time.setTimer(20, note("late"));
    process.time.setTimer(10, note("soon"));
    process.time.setTimer(15, note("never"))();
    await run(30);
    expect(log).toEqual(["soon at 10", "late at 20"]);
    expect(process.pendingTimers).toBe(0);
  });

  it.each<[WakeOrder, string[]]>([
    ["as due", ["packet", "timer", "packet 2"]],
    ["timers first", ["timer", "packet", "packet 2"]],
    ["network first", ["packet", "packet 2", "timer"]],
  ])("does nothing while it is paused, and then runs what came, %s", async (order, expected) => {
    const { events, process, log, note, run } = setUp();
    process.time.setTimer(20, note("timer"));
    process.time.setTimer(30, note("canceled"))();
    process.pause();
    events.at(10, () => process.post(note("packet")));
    events.at(25, () => process.post(note("packet 2")));
    await run(50);
    expect(log).toEqual([]);
    events.at(50, () => process.post(note("next")));
    process.resume(order);
    await run(60);
    expect(log).toEqual([...expected, "next"].map((what) => `${what} at 50`));
  });

  it("does nothing once it is killed", async () => {
    const { process, log, note, run } = setUp();
    process.time.setTimer(20, note("timer"));
    process.pause();
    process.post(note("packet"));
    process.kill();
    process.resume("as due");
    process.post(note("packet 2"));
    await run(50);
    expect(log).toEqual([]);
  });

  it("has a wall clock that can be set, and a monotonic one that cannot", async () => {
    const { process, run } = setUp();
    const before = process.time.now();
    await run(10);
    process.setWall(-5_000);
    expect(process.time.now() - before).toBe(-4_990);
    expect(process.time.monotonic()).toBe(110);
  });
});
