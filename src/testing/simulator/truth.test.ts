import { describe, expect, it } from "vitest";
import type { Schema } from "../../machine/mod.ts";
import { VersionedClock } from "../../replication/mod.ts";
import { Truth } from "./truth.ts";

const SCHEMA = { A: {}, B: { require: ["A"] }, C: {} };
const LIFE = {
  epoch: "aa",
  seq: 0,
  schema: SCHEMA as Schema,
  names: ["A", "B", "C"],
  ticks: [0, 0, 0],
};

/** A root that was at aa-0 from 0 ms, aa-1 from 10 ms, aa-2 from 20 ms and bb-0 from 30 ms, and a replica's clock. */
function setUp() {
  const truth = new Truth();
  const root = new VersionedClock();
  root.reset(LIFE);
  truth.record(root, 0);
  root.advance(1, Uint32Array.of(0), [1]);
  truth.record(root, 10);
  root.advance(2, Uint32Array.of(1), [1]);
  truth.record(root, 20);
  root.reset({ ...LIFE, epoch: "bb" });
  truth.record(root, 30);
  const clock = new VersionedClock();
  const serve = (life: Partial<typeof LIFE>, prefixes?: string[]) => {
    clock.reset({ ...LIFE, ...life });
    return truth.mismatch(clock, prefixes);
  };
  return { truth, root, serve };
}

describe("Truth", () => {
  it("accepts what the root had, and nothing else", () => {
    const { serve } = setUp();
    expect(serve({ seq: 1, ticks: [1, 0, 0] })).toBeUndefined();
    expect(serve({ seq: 2, ticks: [1, 1, 0] })).toBeUndefined();
    expect(serve({ seq: 1, ticks: [1, 1, 0] })).toMatch(/with ticks 1,1,0, the root had 1,0,0/);
    expect(serve({ seq: 3, ticks: [1, 1, 0] })).toMatch(/was never at it/);
    expect(serve({ epoch: "cc" })).toMatch(/never had this epoch/);
    expect(serve({ names: ["A", "B", "D"] })).toMatch(/with states A,B,D/);
    expect(serve({ schema: { ...SCHEMA, B: { require: ["C"] } } })).toMatch(/another schema/);
  });

  it("compares only the states of a selection", () => {
    const { serve } = setUp();
    const part = { names: ["A", "B"], schema: { A: {}, B: { require: ["A"] } } };
    expect(serve({ ...part, seq: 2, ticks: [1, 1] }, ["A", "B"])).toBeUndefined();
    expect(serve({ ...part, seq: 2, ticks: [1, 0] }, ["A", "B"])).toMatch(/with ticks/);
    expect(serve({ ...part, seq: 2, ticks: [1, 1] })).toMatch(/with states A,B/);
  });

  it("knows which version was the newest at which time", () => {
    const { truth } = setUp();
    const version = (epoch: string, seq: number) => ({ epoch, seq });
    expect(truth.newerBefore(20, version("aa", 1))).toBeUndefined();
    expect(truth.newerBefore(21, version("aa", 1))).toBe("aa-2 since 20.0 ms");
    expect(truth.newerBefore(40, version("aa", 2))).toBe("bb-0 since 30.0 ms");
    expect(truth.newerBefore(40, version("bb", 0))).toBeUndefined();
    expect(truth.compare(version("bb", 0), version("aa", 2))).toBeGreaterThan(0);
    expect(truth.compare(version("aa", 1), version("aa", 2))).toBeLessThan(0);
  });

  it("reports a root that skips a seq, or restarts in an old epoch", () => {
    const { truth, root } = setUp();
    root.advance(2, Uint32Array.of(0), [1]);
    expect(truth.record(root, 40)).toMatch(/went from bb-0 to bb-2/);
    root.reset({ ...LIFE, seq: 3 });
    expect(truth.record(root, 50)).toMatch(/went from aa-2 to aa-3/);
  });

  it("accepts the response to a mutation that ran, and no other", () => {
    const { truth } = setUp();
    truth.recordRun("m1", { life: 1, result: "executed", epoch: "aa", seq: 2 });
    expect(truth.disproves("m1", { result: "executed", version: "aa-2" })).toBeUndefined();
    expect(truth.disproves("m1", { result: "canceled", version: "aa-2" })).toMatch(/was executed/);
    expect(truth.disproves("m1", { result: "executed", version: "aa-1" })).toMatch(/never ran/);
    expect(truth.disproves("m1", { result: "executed", version: "bb-7" })).toMatch(/never had/);
    expect(truth.disproves("m2", { result: "executed", version: "aa-2" })).toMatch(/never ran/);
    truth.recordRun("m1", { life: 2, result: "executed", epoch: "bb", seq: 0 });
    expect(truth.runsOf("m1")).toEqual({ inOneLife: 1, total: 2 });
  });
});
