/** The read side of a machine on a replica: what it has in common with a machine, and what the clock's coming and going does to it. */

import { describe, expect, it } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { settle } from "../testing/virtual_time.ts";

function setUp() {
  const followed = new FollowedClock({ A: {}, B: { require: ["A"] }, M: { multi: true } });
  return { followed, replica: followed.replica() };
}

/** What has become of promises, each as it was noted. */
function watch(waits: Record<string, Promise<void>>): Record<string, string> {
  const ends: Record<string, string> = {};
  for (const [name, wait] of Object.entries(waits)) {
    wait.then(
      () => {
        ends[name] = "resolved";
      },
      (error: Error) => {
        ends[name] = error.message;
      },
    );
  }
  return ends;
}

describe("ReplicaMachine", () => {
  it("reads as the source does, after any diff", () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const { machine } = followed;
    for (const step of ["A", "B", "M", "M"] as const) machine.add(step);
    machine.remove("A");
    machine.add("A");
    followed.diff();
    expect(replica.activeStates()).toEqual(machine.activeStates(machine.names));
    expect(replica.time()).toEqual(machine.time());
    expect(replica.timeSum).toBe(machine.timeSum);
    expect(replica.toStringAll()).toBe(machine.toStringAll());
    expect(replica.inspect()).toBe(machine.inspect());
    expect(replica.schema).toEqual(machine.schema);
    expect([replica.is(["A", "M"]), replica.any("B", "M"), replica.not("B")]).toEqual([
      true,
      true,
      true,
    ]);
    expect([replica.epoch, replica.seq]).toEqual([followed.clock.epoch, 6]);
    // @ts-expect-error "Aa" is no state
    expect(replica.is("Aa")).toBe(false);
    // @ts-expect-error "Aa" is no state
    expect(() => replica.when("Aa")).toThrow('Cannot use state "Aa": machine "replica"');
  });

  it("of a clock that has come already knows all of it", () => {
    const { followed } = setUp();
    followed.machine.add("A");
    followed.snapshot();
    const replica = followed.replica();
    expect([replica.isSynced, replica.toString()]).toEqual([true, "(A:1)"]);
  });

  it("knows its states, all inactive, before the first clock has come", async () => {
    const { followed, replica } = setUp();
    expect([replica.isSynced, replica.has(["A", "M"]), replica.toStringAll()]).toEqual([
      false,
      true,
      "() [A:0 B:0 M:0]",
    ]);
    const ends = watch({ synced: replica.whenSynced() });
    await settle();
    expect(ends).toEqual({});
    followed.snapshot();
    await settle();
    expect(ends).toEqual({ synced: "resolved" });
    await replica.whenSynced();
    expect(replica.toStringAll()).toBe("() [A:0 B:0 M:0 Exception:0]");
  });

  it("has waits wait for the first clock, where nobody knows what it will be", async () => {
    const { followed, replica } = setUp();
    for (const step of ["add", "remove", "add"] as const) followed.machine[step]("A");
    const ends = watch({
      when: replica.when("A"),
      notA: replica.whenNot("A"),
      notM: replica.whenNot("M"),
      time: replica.whenTime({ A: 3 }),
      ticks: replica.whenTicks("A", 1),
      nextActive: replica.whenNextActive("A"),
    });
    await settle();
    expect(ends).toEqual({});
    followed.snapshot();
    await settle();
    expect(Object.keys(ends).sort()).toEqual(["notM", "time", "when"]);
    followed.machine.remove("A");
    followed.diff();
    await settle();
    expect(ends).toMatchObject({ notA: "resolved", ticks: "resolved" });
    expect(ends).not.toHaveProperty("nextActive");
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(ends).toHaveProperty("nextActive", "resolved");
  });

  it("gives up waits with their signal, before the first clock and after it", async () => {
    const { followed, replica } = setUp();
    const controller = new AbortController();
    const { signal } = controller;
    const early = [replica.whenNot("A", { signal }), replica.whenSynced({ signal })];
    controller.abort(new Error("made up"));
    for (const wait of early) await expect(wait).rejects.toThrow("made up");
    followed.snapshot();
    await expect(replica.when("A", { signal })).rejects.toThrow("made up");
  });

  it("resolves waits by what a diff or a snapshot of the same epoch brings", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const ends = watch({
      both: replica.when(["A", "B"]),
      again: replica.whenTicks("M", 2),
      query: replica.whenQuery((ticks) => ticks[2] === 1),
    });
    followed.machine.add(["A", "M"]);
    followed.diff();
    await settle();
    expect(ends).toEqual({ query: "resolved" });
    followed.machine.add(["B", "M"]);
    followed.snapshot();
    await settle();
    expect(ends).toEqual({ query: "resolved", both: "resolved", again: "resolved" });
  });

  it("sees by its ticks an activation that a merged diff skipped", async () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const ends = watch({
      when: replica.when("A"),
      ticks: replica.whenTicks("A", 1),
      nextActive: replica.whenNextActive("A"),
    });
    followed.machine.add("A");
    followed.machine.remove("A");
    followed.diff();
    await settle();
    expect(ends).toEqual({ ticks: "resolved", nextActive: "resolved" });
  });

  it("rejects waits for ticks when another epoch begins, and goes on with those for states", async () => {
    const { followed, replica } = setUp();
    const first = followed.source.clock.epoch;
    followed.snapshot();
    const ends = watch({
      when: replica.when("A"),
      time: replica.whenTime({ A: 3 }),
      ticks: replica.whenTicks("M", 1),
    });
    followed.restart();
    followed.snapshot();
    await settle();
    const second = followed.source.clock.epoch;
    const why = `Cannot wait for ticks of epoch ${first}: the clock has begun epoch ${second}`;
    expect(ends).toEqual({ time: why, ticks: why });
    expect(replica.waitCount).toBe(1);
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(ends).toHaveProperty("when", "resolved");
  });

  it("takes a state that is active in another epoch as well for one that has stayed as it was", async () => {
    const { followed, replica } = setUp();
    for (const step of ["add", "remove", "add"] as const) followed.machine[step]("A");
    followed.machine.add("M");
    followed.snapshot();
    const signals = [replica.stateSignal("A"), replica.stateSignal("M")];
    const changes: string[] = [];
    replica.onClockChange((indexes) =>
      changes.push(Array.from(indexes, (index) => replica.names[index]!).join(" ")),
    );
    followed.restart();
    followed.machine.add("A");
    followed.snapshot();
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(changes).toEqual(["M"]);
    expect(replica.tick("A")).toBe(1);
  });

  it("follows a new schema: waits move with their states, and reject if those are gone", async () => {
    const { followed, replica } = setUp();
    followed.machine.add("M");
    followed.snapshot();
    const signals = [replica.stateSignal("B"), replica.stateSignal("M"), replica.stateSignal("A")];
    const ends = watch({ a: replica.when("A"), b: replica.when(["B", "M"]) });
    const changes: string[] = [];
    replica.onClockChange((indexes) =>
      changes.push(Array.from(indexes, (index) => replica.names[index]!).join(" ")),
    );
    followed.restart({ New: {}, M: { multi: true }, A: {} });
    followed.machine.add(["M", "New"]);
    followed.snapshot();
    await settle();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
    expect(changes).toEqual(["New"]);
    expect(ends).toEqual({
      b: expect.stringMatching(/^Cannot use state "B": machine "replica" does not have it/),
    });
    followed.machine.add("A");
    followed.diff();
    await settle();
    expect(ends).toHaveProperty("a", "resolved");
    expect(signals[2]!.aborted).toBe(true);
    expect(replica.waitCount).toBe(0);
    await replica.close();
    expect(replica.waitCount).toBe(0);
  });

  it("aborts a state's signal when its tick moves, and tells listeners of each diff", () => {
    const { followed, replica } = setUp();
    followed.snapshot();
    const signal = replica.stateSignal("A");
    const changes: number[][] = [];
    const remove = replica.onClockChange((indexes) => changes.push([...indexes]));
    followed.machine.add("M");
    followed.diff();
    expect(signal.aborted).toBe(false);
    followed.machine.add(["A", "B"]);
    followed.diff();
    expect(signal.aborted).toBe(true);
    remove();
    followed.machine.remove("M");
    followed.diff();
    expect(changes).toEqual([[2], [0, 1]]);
  });

  it("resolves all waits when it is closed, those for the first clock included", async () => {
    const { replica } = setUp();
    const ends = watch({
      when: replica.when("A"),
      not: replica.whenNot("A"),
      ticks: replica.whenTicks("A", 1),
      synced: replica.whenSynced(),
    });
    await replica.close();
    await settle();
    expect(Object.values(ends)).toEqual(["resolved", "resolved", "resolved", "resolved"]);
  });

  it("refuses limits that are none", () => {
    const { followed } = setUp();
    expect(() => followed.replica({ maxRunning: 0 })).toThrow(RangeError);
    expect(() => followed.replica({ handlerDeadlineMs: -1 })).toThrow(
      "Cannot create a machine: handlerDeadlineMs is -1",
    );
    expect(() => followed.replica({ handlerTimeoutMs: Number.NaN })).toThrow(RangeError);
  });
});
