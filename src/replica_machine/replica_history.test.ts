/** Tracing and history of a replica machine: changes of its clock, and no transitions. */

import { describe, expect, it } from "vitest";
import { type ChangeHistoryOptions, recordHistory } from "../machine/mod.ts";
import { FollowedClock } from "../testing/followed_clock.ts";
import type { ReplicaChange } from "./mod.ts";

type State = "A" | "B" | "M";

function setUp(options: ChangeHistoryOptions<State> = {}) {
  const followed = new FollowedClock<State>({ A: {}, B: {}, M: { multi: true } });
  followed.snapshot();
  const replica = followed.replica();
  let time = 1_000;
  const history = recordHistory(replica, { now: () => time++, ...options });
  return { followed, replica, history };
}

describe("trace() of a replica machine", () => {
  it("sees each change once, with ticks and seq before and after, and its trace contexts", () => {
    const { followed, replica } = setUp();
    const changes: ReplicaChange<State>[] = [];
    const remove = replica.trace({ change: (change) => changes.push(change) });
    const context = Uint8Array.of(1);
    followed.run("+A -A +A");
    followed.diff([context]);
    followed.run("+B");
    followed.diff();
    expect(changes).toMatchObject([
      { type: "diff", seqBefore: 0, seq: 3, traceContexts: [context] },
      { type: "diff", seqBefore: 3, seq: 4, traceContexts: [] },
    ]);
    expect(changes.map(({ flips }) => flips)).toMatchObject([
      [{ state: "A", tickBefore: 0, tick: 3, activations: 2 }],
      [{ state: "B", tickBefore: 0, tick: 1, activations: 1 }],
    ]);
    remove();
    followed.run("-B");
    followed.diff();
    expect(changes).toHaveLength(2);
  });

  it("begins with the first clock, and after a pause with the clock at that moment", () => {
    const followed = new FollowedClock<State>({ A: {}, B: {}, M: { multi: true } });
    const replica = followed.replica();
    const moved: string[] = [];
    const tracer = {
      change: ({ flips }: ReplicaChange<State>) => {
        moved.push(flips.map(({ state, tickBefore, tick }) => state + tickBefore + tick).join(" "));
      },
    };
    const remove = replica.trace(tracer);
    followed.run("+A");
    followed.snapshot();
    expect(moved).toEqual([]);
    remove();
    followed.run("-A");
    followed.diff();
    replica.trace(tracer);
    followed.run("+B");
    followed.diff();
    expect(moved).toEqual(["B01"]);
  });

  it("that throws harms neither the clock nor other tracers; its error goes to onError", () => {
    const { followed, replica, history } = setUp();
    replica.trace({
      change() {
        throw new Error("bad tracer");
      },
    });
    const seen: number[] = [];
    replica.trace({ change: ({ seq }) => void seen.push(seq) });
    followed.run("+A");
    followed.diff();
    expect([followed.errors, seen, history.size]).toEqual([["bad tracer"], [1], 1]);
  });

  it("ends when the machine is closed", async () => {
    const { followed, replica, history } = setUp();
    await replica.close();
    expect(replica.trace({ change: () => expect.unreachable() })).not.toThrow();
    followed.run("+A");
    followed.diff();
    expect(history.size).toBe(0);
  });
});

describe("recordHistory() of a replica machine", () => {
  it("records which states moved, when, and to which version", () => {
    const { followed, history } = setUp();
    followed.run("+A +M");
    followed.diff();
    followed.run("-A +M");
    followed.diff();
    expect(history.states).toEqual(["A", "B", "M", "Exception"]);
    const [second, first] = history.find();
    expect(first).toMatchObject({
      type: "diff",
      version: `${followed.clock.epoch}-2`,
      seqBefore: 0,
      seq: 2,
      entered: ["A", "M"],
      exited: [],
      at: 1_000,
      timeSum: 2,
      timeSumDiff: 2,
      sincePrevious: 0,
    });
    expect(second).toMatchObject({
      seqBefore: 2,
      seq: 4,
      changedAtMs: followed.clock.changedAtMs,
      entered: ["M"],
      exited: ["A"],
      at: 1_001,
      timeSum: 5,
      timeSumDiff: 3,
      sincePrevious: 3,
      trackedSum: 5,
      trackedSumDiff: 3,
      ticks: Float64Array.of(2, 0, 3, 0),
      ticksDiff: Float64Array.of(1, 0, 2, 0),
    });
    // @ts-expect-error a record of changes has no mutation
    expect(second?.called).toBeUndefined();
  });

  it("has a state that left and came back within a merged change in both lists", () => {
    const { followed, history } = setUp();
    followed.run("+A -A");
    followed.diff();
    followed.run("+A +M");
    followed.diff();
    followed.run("-A +A +M");
    followed.diff();
    const lists = [...history].map(({ entered, exited }) => [entered, exited]);
    expect(lists).toEqual([
      [["A", "M"], ["A"]],
      [["A", "M"], []],
      [["A"], ["A"]],
    ]);
  });

  it("records no change that moves nothing, such as a snapshot of the same clock", () => {
    const { followed, history } = setUp();
    followed.run("+A");
    followed.diff();
    followed.snapshot();
    expect(history.size).toBe(1);
    followed.run("+B");
    followed.snapshot();
    expect(history.latest).toMatchObject({ type: "diff", seqBefore: 1, seq: 2, entered: ["B"] });
  });

  it("finds by activity, moves, epoch, seq and time", () => {
    const { followed, history } = setUp();
    for (const mutation of ["+A", "+B", "-A", "+M"]) {
      followed.run(mutation);
      followed.diff();
    }
    const seqs = (...[query]: Parameters<typeof history.find>) =>
      history.find(query).map(({ seq }) => seq);
    expect(seqs({ active: ["B"], inactive: ["A"] })).toEqual([4, 3]);
    expect(seqs({ deactivated: ["A"] })).toEqual([3]);
    expect(seqs({ seq: { from: 2, to: 3 } })).toEqual([3, 2]);
    expect(seqs({ at: { to: 1_001 }, limit: 1 })).toEqual([2]);
    expect(seqs({ epoch: "0" })).toEqual([]);
    expect(seqs({ epoch: followed.clock.epoch, changedAtMs: { to: -1 } })).toEqual([]);
    expect(history.lastActivation("A")?.seq).toBe(1);
    expect(history.lastDeactivation("A")?.seq).toBe(3);
    expect([history.wasActive("A", 1_002, 1_003), history.wasActive("A", 1_001, 1_003)]).toEqual([
      false,
      true,
    ]);
    // @ts-expect-error only transitions have called states
    expect(seqs({ called: ["A"] })).toHaveLength(4);
  });

  it("compares only activity in a new epoch, by name if the schema is another", () => {
    const { followed, history } = setUp();
    followed.run("+A +B -B +M");
    followed.diff();
    followed.restart({ M: { multi: true }, B: {} });
    followed.run("+B +M");
    followed.snapshot();
    expect(history.latest).toMatchObject({
      type: "epoch",
      epoch: followed.clock.epoch,
      seqBefore: 4,
      seq: 2,
      entered: ["B"],
      exited: ["A"],
      timeSum: 2,
      timeSumDiff: 0,
      sincePrevious: 0,
      trackedSum: 2,
      trackedSumDiff: 0,
      ticks: Float64Array.of(0, 1, 1, 0),
      ticksDiff: Float64Array.of(-1, 1, 0, 0),
    });
    expect(history.find({ epoch: followed.clock.epoch })).toHaveLength(1);
  });

  it("keeps only wanted changes, and the newest of them", () => {
    const { followed, history } = setUp({ changed: ["A"], notChanged: ["M"], maxRecords: 2 });
    for (const mutation of ["+A", "+B", "-A", "+A,M", "+M", "-A", "+A"]) {
      followed.run(mutation);
      followed.diff();
    }
    expect(history.states).toEqual(["A"]);
    expect([...history].map(({ seq }) => seq)).toEqual([7, 6]);
    expect(() => history.find({ active: ["B"] })).toThrow(
      'Cannot search the history of "replica": states "B" are not tracked',
    );
    history.stop();
    followed.run("-A");
    followed.diff();
    expect(history.size).toBe(2);
  });

  it("refuses unknown states, and a clock without states", () => {
    const { replica } = setUp();
    // @ts-expect-error no such state
    expect(() => recordHistory(replica, { states: ["X"] })).toThrow('state "X"');
    // @ts-expect-error no such state
    expect(() => recordHistory(replica, { notChanged: ["X"] })).toThrow('state "X"');
    // @ts-expect-error a remote machine does not know which states a mutation called
    recordHistory(replica, { called: ["A"] }).stop();
    const empty = new FollowedClock<State>({ A: {}, B: {}, M: {} }).replica({ states: [] });
    expect(() => recordHistory(empty)).toThrow("no state is tracked");
  });
});
