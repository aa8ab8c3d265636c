/** The read side of a machine on a replica: what it shares with a machine, and how it handles new clocks, epochs and schemas. */

import { describe, expect, it, onTestFinished } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { settle } from "../testing/virtual_time.ts";

function setUp() {
  const followed = new FollowedClock({ A: {}, B: { require: ["A"] }, M: { multi: true } });
  const replica = followed.replica();
  return {
    followed,
    replica,
    /** Applies the source's clock as a snapshot, and lets waits run. */
    async snapshot(mutations?: string) {
      if (mutations !== undefined) followed.run(mutations);
      followed.snapshot();
      await settle();
    },
    /** Records the names of the states in each clock change. */
    listen() {
      const changes: string[] = [];
      const remove = replica.onClockChange((indexes) =>
        changes.push(Array.from(indexes, (index) => replica.names[index]!).join(" ")),
      );
      return { changes, remove };
    },
  };
}

/** How promises have settled so far, by name: "resolved", or the error's message. */
function watch(waits: Record<string, Promise<void>>): Record<string, string> {
  const ends: Record<string, string> = {};
  for (const [name, wait] of Object.entries(waits)) {
    const note = (end: string) => {
      ends[name] = end;
    };
    wait.then(
      () => note("resolved"),
      (error: Error) => note(error.message),
    );
  }
  return ends;
}

describe("ReplicaMachine", () => {
  it("reads the same as the source after any diff", async () => {
    const { followed, replica, snapshot } = setUp();
    await snapshot();
    const { machine } = followed;
    await followed.push("+A +B +M +M -A +A");
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

  it("is synced from the start on a clock that has a value", async () => {
    const { followed, snapshot } = setUp();
    await snapshot("+A");
    const replica = followed.replica();
    expect([replica.isSynced, replica.toString()]).toEqual([true, "(A:1)"]);
  });

  it("has all its states inactive before the first clock", async () => {
    const { replica, snapshot } = setUp();
    expect([replica.isSynced, replica.has(["A", "M"]), replica.toStringAll()]).toEqual([
      false,
      true,
      "() [A:0 B:0 M:0]",
    ]);
    const ends = watch({ synced: replica.whenSynced() });
    await settle();
    expect(ends).toEqual({});
    await snapshot();
    expect(ends).toEqual({ synced: "resolved" });
    await replica.whenSynced();
    expect(replica.toStringAll()).toBe("() [A:0 B:0 M:0 Exception:0]");
  });

  it("starts waits for inactivity and ticks with the first clock", async () => {
    const { followed, replica, snapshot } = setUp();
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
    await snapshot("+A -A +A");
    expect(Object.keys(ends).sort()).toEqual(["notM", "time", "when"]);
    await followed.push("-A");
    expect(ends).toMatchObject({ notA: "resolved", ticks: "resolved" });
    expect(ends).not.toHaveProperty("nextActive");
    await followed.push("+A");
    expect(ends).toHaveProperty("nextActive", "resolved");
  });

  it("rejects waits when their signal aborts, before the first clock and after it", async () => {
    const { replica, snapshot } = setUp();
    const controller = new AbortController();
    const { signal } = controller;
    const early = [replica.whenNot("A", { signal }), replica.whenSynced({ signal })];
    controller.abort(new Error("made up"));
    for (const wait of early) await expect(wait).rejects.toThrow("made up");
    await snapshot();
    await expect(replica.when("A", { signal })).rejects.toThrow("made up");
  });

  it("has a stable snapshot, and calls subscribers for each diff, new epoch, and at its end", async () => {
    const { followed, replica, snapshot } = setUp();
    const seen: string[] = [];
    replica.subscribe(({ active }) => seen.push(active.join()));
    await snapshot("+A");
    expect(replica.getSnapshot()).toBe(replica.getSnapshot());
    await followed.push("+B");
    followed.restart();
    await snapshot("+M");
    await replica.close();
    expect(seen).toEqual(["", "A", "A,B", "M", "M"]);
  });

  it("ends a wait that nobody awaits without failing the process", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const { followed, replica, snapshot } = setUp();
    const signal = AbortSignal.abort();
    void replica.whenNot("A", { signal });
    await snapshot();
    void replica.whenNot("A", { signal });
    void replica.whenTicks("A", 1);
    followed.restart();
    await snapshot();
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  });

  it("resolves waits by diffs and by snapshots of the same epoch", async () => {
    const { followed, replica, snapshot } = setUp();
    await snapshot();
    const ends = watch({
      both: replica.when(["A", "B"]),
      again: replica.whenTicks("M", 2),
      query: replica.whenQuery((ticks) => ticks[2] === 1),
    });
    await followed.push("+A,M");
    expect(ends).toEqual({ query: "resolved" });
    await snapshot("+B,M");
    expect(ends).toEqual({ query: "resolved", both: "resolved", again: "resolved" });
  });

  it("counts in ticks an activation that a merged diff skipped", async () => {
    const { followed, replica, snapshot } = setUp();
    await snapshot();
    const ends = watch({
      when: replica.when("A"),
      ticks: replica.whenTicks("A", 1),
      nextActive: replica.whenNextActive("A"),
    });
    await followed.push("+A -A");
    expect(ends).toEqual({ ticks: "resolved", nextActive: "resolved" });
  });

  it("rejects waits for ticks in a new epoch, and keeps those for states", async () => {
    const { followed, replica, snapshot } = setUp();
    await snapshot();
    const first = followed.clock.epoch;
    const ends = watch({
      when: replica.when("A"),
      time: replica.whenTime({ A: 3 }),
      ticks: replica.whenTicks("M", 1),
    });
    followed.restart();
    await snapshot();
    const why = `Cannot wait for ticks of epoch ${first}: the current epoch is ${followed.clock.epoch}`;
    expect(ends).toEqual({ time: why, ticks: why });
    expect(replica.waitCount).toBe(1);
    await followed.push("+A");
    expect(ends).toHaveProperty("when", "resolved");
  });

  it("treats a state that is active in both epochs as unchanged", async () => {
    const { followed, replica, snapshot, listen } = setUp();
    await snapshot("+A -A +A +M");
    const signals = [replica.stateSignal("A"), replica.stateSignal("M")];
    const { changes } = listen();
    followed.restart();
    await snapshot("+A");
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    expect(changes).toEqual(["M"]);
    expect(replica.tick("A")).toBe(1);
  });

  it("follows a new schema: waits and signals move with their states, and end if those are gone", async () => {
    const { followed, replica, snapshot, listen } = setUp();
    await snapshot("+M");
    const signals = [replica.stateSignal("B"), replica.stateSignal("M"), replica.stateSignal("A")];
    const ends = watch({ a: replica.when("A"), b: replica.when(["B", "M"]) });
    const { changes } = listen();
    followed.restart({ New: {}, M: { multi: true }, A: {} });
    await snapshot("+M,New");
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false, false]);
    expect(changes).toEqual(["New"]);
    expect(ends).toEqual({
      b: expect.stringMatching(/^Cannot use state "B": machine "replica" does not have it/),
    });
    await followed.push("+A");
    expect(ends).toHaveProperty("a", "resolved");
    expect(signals[2]!.aborted).toBe(true);
    expect(replica.waitCount).toBe(0);
  });

  it("aborts a state's signal when its tick moves, and calls listeners for each diff", async () => {
    const { followed, replica, snapshot, listen } = setUp();
    await snapshot();
    const signal = replica.stateSignal("A");
    const { changes, remove } = listen();
    await followed.push("+M");
    expect(signal.aborted).toBe(false);
    await followed.push("+A,B");
    expect(signal.aborted).toBe(true);
    remove();
    await followed.push("-M");
    expect(changes).toEqual(["M", "A B"]);
  });

  it("resolves all waits when it is closed, including those for the first clock", async () => {
    const { replica } = setUp();
    const ends = watch({
      when: replica.when("A"),
      not: replica.whenNot("A"),
      ticks: replica.whenTicks("A", 1),
      synced: replica.whenSynced(),
    });
    await replica.close();
    await settle();
    expect(Object.values(ends)).toEqual(Array(4).fill("resolved"));
    expect(replica.waitCount).toBe(0);
  });

  it.each([
    [{ maxRunning: 0 }, "maxRunning is 0, not 1 or more"],
    [{ handlerDeadlineMs: -1 }, "handlerDeadlineMs is -1"],
    [{ handlerTimeoutMs: Number.NaN }, "handlerTimeoutMs is NaN"],
  ])("refuses %o", (options, problem) => {
    expect(() => setUp().followed.replica(options)).toThrow(
      new RangeError(`Cannot create a machine: ${problem}`),
    );
  });
});
