import { describe, expect, it } from "vitest";
import type { ReplicationTracer } from "../replication/mod.ts";
import { joinTracers } from "./tracers.ts";

describe("joinTracers()", () => {
  it("calls each hook on all tracers that have it, in order", () => {
    const calls: string[] = [];
    const tracer = joinTracers<ReplicationTracer>(
      { linkStatus: (status) => calls.push(`1 ${status}`) },
      { linkStatus: (status, address) => calls.push(`2 ${status} ${address}`) },
      { resync: (reason) => calls.push(`3 ${reason}`) },
    );
    tracer.linkStatus!("live", "a:1");
    tracer.resync!("checksum", "…");
    expect(calls).toEqual(["1 live", "2 live a:1", "3 checksum"]);
    expect(tracer.applied).toBeUndefined();
  });

  it("returns the first result other than undefined", () => {
    const contexts = [new Uint8Array(25)];
    const tracer = joinTracers<ReplicationTracer>(
      { pushing: () => undefined },
      { pushing: () => contexts },
    );
    const event = { downstream: "a", seqBefore: 0, seq: 1, traceContexts: [] };
    expect(tracer.pushing!(event)).toBe(contexts);
  });
});
