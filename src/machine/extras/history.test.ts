import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";
import { defineSchema } from "../schema.ts";
import { type HistoryOptions, recordHistory } from "./history.ts";

const SCHEMA = defineSchema({
  Idle: { auto: true, remove: ["Busy"] },
  Busy: { remove: ["Idle"] },
  Done: { require: ["Busy"] },
  Pulse: { multi: true },
});

/** A machine with a history whose wall time is 1,000 at the first record, 1,001 at the next, … */
function createRecorded(options: HistoryOptions<keyof typeof SCHEMA | "Exception"> = {}) {
  const machine = createMachine(SCHEMA, { id: "m" });
  let time = 1_000;
  const history = recordHistory(machine, { now: () => time++, ...options });
  return { machine, history };
}

describe("recordHistory()", () => {
  it("records which states moved, when, and by which mutation", () => {
    const { machine, history } = createRecorded({ hasArgs: true });
    machine.add(["Busy", "Done"], { job: 7 });
    machine.remove("Busy");
    expect(history.size).toBe(3);
    const [auto, remove, add] = history.find();
    expect(add).toMatchObject({
      transitionId: "m-1",
      type: "add",
      called: ["Busy", "Done"],
      entered: ["Busy", "Done"],
      exited: [],
      args: { job: 7 },
      isAuto: false,
      at: 1_000,
      queueTick: 2,
      timeSum: 2,
      timeSumDiff: 2,
      sincePrevious: 0,
    });
    expect(remove).toMatchObject({ type: "remove", exited: ["Busy", "Done"], timeSumDiff: 2 });
    expect(auto).toMatchObject({ isAuto: true, entered: ["Idle"], at: 1_002, sincePrevious: 1 });
  });

  it("records the ticks of the tracked states, their sums and differences", () => {
    const { machine, history } = createRecorded({ states: ["Pulse", "Busy"] });
    machine.add("Pulse");
    machine.add(["Pulse", "Busy"]);
    expect(history.states).toEqual(["Pulse", "Busy"]);
    const record = history.lastActivation("Busy");
    expect(record).toMatchObject({
      ticks: Float64Array.of(3, 1),
      ticksDiff: Float64Array.of(2, 1),
      trackedSum: 4,
      trackedSumDiff: 3,
    });
    // Idle activated and left again: not tracked, but part of the sum of all ticks.
    expect(record?.timeSum).toBe(6);
  });

  it("leaves out checks, and canceled transitions unless hasCanceled is set", () => {
    const { machine, history } = createRecorded();
    machine.canAdd("Busy");
    machine.add("Done");
    expect(history.size).toBe(0);
    const { machine: other, history: full } = createRecorded({ hasCanceled: true });
    other.canAdd("Busy");
    other.add("Done");
    expect(full.size).toBe(1);
    expect(full.latest).toMatchObject({
      called: ["Done"],
      entered: [],
      rejected: { state: "Done", by: "relation Require of Done, Busy is missing" },
      timeSumDiff: 0,
    });
  });

  it("keeps args only if hasArgs is set", () => {
    const { machine, history } = createRecorded();
    machine.add("Busy", { big: new ArrayBuffer(8) });
    expect(history.latest?.args).toBeUndefined();
  });

  it("records by lists of called and changed states, and tracks these states", () => {
    const { machine, history } = createRecorded({ called: ["Busy"] });
    machine.add("Pulse");
    machine.add("Busy");
    expect(history.states).toEqual(["Busy"]);
    expect([...history].map(({ called }) => called)).toEqual([["Busy"]]);
    const changed = createRecorded({ changed: ["Idle"], states: ["Busy"] });
    changed.machine.add("Pulse");
    changed.machine.add("Busy");
    changed.machine.add("Pulse");
    expect(changed.history.states).toEqual(["Busy", "Idle"]);
    expect([...changed.history].map(({ type, called }) => `${type} ${called}`)).toEqual([
      "add Busy",
      "add Idle",
    ]);
  });

  it("leaves out transitions by lists of called and changed states", () => {
    const { machine, history } = createRecorded({ notCalled: ["Pulse"], notChanged: ["Done"] });
    machine.add("Pulse");
    machine.add("Busy");
    machine.add("Done");
    expect([...history].map(({ called }) => called.join())).toEqual(["Busy", "Idle"]);
  });

  it("keeps the newest records and drops the oldest", () => {
    const { machine, history } = createRecorded({ maxRecords: 3, called: ["Pulse"] });
    for (let i = 0; i < 8; i++) machine.add("Pulse");
    expect([...history].map(({ ticks: [tick] }) => tick)).toEqual([15, 13, 11]);
    expect(history.latest?.sincePrevious).toBe(2);
    history.clear();
    expect(history.latest).toBeUndefined();
    machine.add("Pulse");
    expect(history.size).toBe(1);
  });

  it("stops, and keeps its records", () => {
    const { machine, history } = createRecorded();
    machine.add("Busy");
    history.stop();
    machine.remove("Busy");
    expect(history.size).toBe(1);
  });

  it("continues after a change of the schema", () => {
    const { machine, history } = createRecorded({ states: ["Busy"] });
    machine.setSchema({ ...SCHEMA, AAA: {} }, [
      "AAA",
      "Busy",
      "Done",
      "Exception",
      "Idle",
      "Pulse",
    ]);
    machine.add("Busy");
    expect(history.latest?.ticks).toEqual(Float64Array.of(1));
  });

  it("continues from the imported clock after an import", () => {
    const { machine, history } = createRecorded({ states: ["Pulse"] });
    machine.add("Pulse");
    const kept = machine.export();
    machine.add("Pulse");
    machine.import(kept);
    machine.add("Pulse");
    expect(history.latest).toMatchObject({
      machineTick: 1,
      ticks: Float64Array.of(3),
      ticksDiff: Float64Array.of(2),
    });
  });

  it("shows what a handler's error rolled back", () => {
    const { machine, history } = createRecorded({ states: ["Busy"], hasCanceled: true });
    machine.handle({
      BusyState() {
        throw new Error("no desk");
      },
    });
    machine.add("Busy");
    const [record] = history.find({ called: ["Busy"] });
    expect(record?.rejected?.by).toBe("error in handler BusyState: no desk");
    expect(record?.ticks).toEqual(Float64Array.of(2));
  });

  it("refuses unknown states, an empty list of states, and a limit of 0", () => {
    expect(() => createRecorded({ states: ["Bussy" as "Busy"] })).toThrow(
      'Cannot use state "Bussy"',
    );
    expect(() => createRecorded({ notCalled: ["Puls" as "Pulse"] })).toThrow(
      'Cannot use state "Puls"',
    );
    expect(() => createRecorded({ states: [] })).toThrow(
      "Cannot record history: no state is tracked",
    );
    expect(() => createRecorded({ maxRecords: 0 })).toThrow(
      "Cannot record history: maxRecords is 0, not an integer >= 1",
    );
  });
});

describe("History.find()", () => {
  /** Busy at 1,000; Done at 1,001; Busy and Done leave at 1,002; Idle by itself at 1,003. */
  function createRun() {
    const { machine, history } = createRecorded();
    machine.add("Busy");
    machine.add("Done");
    machine.remove("Busy");
    return history;
  }

  it("returns the newest records first, up to a limit", () => {
    expect(
      createRun()
        .find({ limit: 2 })
        .map(({ at }) => at),
    ).toEqual([1_003, 1_002]);
  });

  it("distinguishes active from activated, and inactive from deactivated", () => {
    const history = createRun();
    const timesOf = (query: Parameters<typeof history.find>[0]) =>
      history.find(query).map(({ at }) => at);
    expect(timesOf({ active: ["Busy"] })).toEqual([1_001, 1_000]);
    expect(timesOf({ activated: ["Busy"] })).toEqual([1_000]);
    expect(timesOf({ inactive: ["Busy"] })).toEqual([1_003, 1_002]);
    expect(timesOf({ deactivated: ["Busy", "Done"] })).toEqual([1_002]);
    expect(timesOf({ active: ["Busy"], inactive: ["Done"] })).toEqual([1_000]);
    expect(timesOf({ called: ["Done"] })).toEqual([1_001]);
    expect(timesOf({ type: "remove" })).toEqual([1_002]);
  });

  it("includes both ends of a window", () => {
    const history = createRun();
    expect(history.find({ at: { from: 1_001, to: 1_002 } })).toHaveLength(2);
    expect(history.find({ timeSum: { from: 2, to: 2 } }).map(({ called }) => called)).toEqual([
      ["Done"],
    ]);
    expect(history.find({ machineTick: { from: 1 } })).toEqual([]);
    expect(history.find({ trackedSum: { to: 1 } })).toHaveLength(1);
  });

  it("refuses a state that is not tracked", () => {
    const { history } = createRecorded({ states: ["Busy"] });
    expect(() => history.find({ inactive: ["Done"] })).toThrow(
      'Cannot search the history of "m": states "Done" are not tracked',
    );
  });

  it("says whether a state was active in a window", () => {
    const history = createRun();
    expect(history.wasActive("Done", 1_000, 1_000)).toBe(false);
    expect(history.wasActive("Done", 1_001.5, 1_001.7)).toBe(true);
    expect(history.wasActive("Done", 1_000, 1_005)).toBe(true);
    expect(history.wasActive("Done", 1_002, 1_005)).toBe(false);
    expect(history.wasActive("Idle", 0, 999)).toBe(false);
  });

  it("finds the last mutation that moved a state", () => {
    const history = createRun();
    expect(history.lastActivation("Idle")?.isAuto).toBe(true);
    expect(history.lastDeactivation("Done")?.called).toEqual(["Busy"]);
    expect(history.lastDeactivation("Idle")).toBeUndefined();
  });
});
