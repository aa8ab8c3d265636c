import { SpanKind } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import {
  type AppliedEvent,
  type MutationRequest,
  Publisher,
  ReplicationError,
  VersionedClock,
} from "../replication/mod.ts";
import { createContext, readMetrics } from "../testing/span_recorder.ts";
import { createTelemetryServices } from "../testing/telemetry_services.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { ReplicationTelemetry } from "./replication_telemetry.ts";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";

const EPOCH = "00000000000000aa";
const MUTATE = "statesource.v1.StateSourceService/Mutate";
const REQUEST: MutationRequest = { type: "add", states: ["A"] };

function setUp({ traces, pushIntervalMs = 0 }: { traces?: boolean; pushIntervalMs?: number } = {}) {
  const time = new VirtualTime();
  const services = createTelemetryServices(time, { traces });
  const { recorder, metrics, records } = services;
  const clock = new VersionedClock();
  const telemetry = new ReplicationTelemetry(services);
  telemetry.follow(clock);
  telemetry.upstream.linkStatus!("live", "up:1");
  clock.reset({
    epoch: EPOCH,
    seq: 0,
    schema: { A: {}, B: {} },
    names: ["A", "B"],
    ticks: [0, 0],
  });
  const publisher = new Publisher(clock, {
    name: "root",
    machineId: "flights",
    time,
    pushIntervalMs,
    tracer: telemetry.downstream,
  });
  const subscribe = (name: string) =>
    publisher.subscribe(
      { name, epoch: "", seq: 0, schemaHash: "", selection: undefined },
      { write: () => true, close() {}, abort() {} },
    );
  const flip = (index: number, contexts: readonly Uint8Array[] = []) => {
    const ticks = [clock.ticks[index]! + 1];
    clock.advance(clock.seq + 1, Uint32Array.of(index), ticks, time.now(), contexts);
  };
  return { time, recorder, metrics, records, telemetry, subscribe, flip };
}

const applied = (values: Partial<AppliedEvent> = {}): AppliedEvent => ({
  isSnapshot: false,
  epoch: EPOCH,
  seqBefore: 3,
  seq: 5,
  stateCount: 2,
  bytes: 40,
  transitMs: 2,
  changedAtMs: VirtualTime.startMs - 20,
  ...values,
});

describe("ReplicationTelemetry, downstream", () => {
  it("counts messages by kind, their bytes, and seqs sent in a later seq's diff", async () => {
    const { metrics, subscribe, flip, time } = setUp();
    const downstream = subscribe("leaf");
    for (let i = 0; i < 3; i++) flip(i % 2);
    await time.advance(1);
    flip(0);
    await time.advance(1);
    await time.advance(500);
    expect(readMetrics(metrics)).toMatchObject({
      "replication.pushes snapshot": 1,
      "replication.pushes diff": 2,
      "replication.pushes heartbeat": 1,
      "replication.sent": downstream.bytesSent,
      "replication.diffs.coalesced": 2,
    });
  });

  it("measures how long a change waits for its push", async () => {
    const { metrics, time, flip, subscribe } = setUp({ pushIntervalMs: 50 });
    subscribe("leaf");
    flip(0);
    await time.advance(10);
    flip(1);
    await time.advance(40);
    expect(readMetrics(metrics)).toMatchObject({
      // The first is pushed at once, the second when the push interval ends.
      "replication.hop.lag": { count: 2, sum: 0.04 },
    });
  });

  it("makes a span for each trace and downstream", async () => {
    const { recorder, subscribe, flip, time } = setUp();
    subscribe("rep-1");
    subscribe("rep-2");
    const cause = createContext(7);
    flip(0, [cause]);
    await time.advance(0);
    const spans = recorder.spans;
    expect(spans.map(({ attributes }) => attributes["replication.downstream"])).toEqual([
      "rep-1",
      "rep-2",
    ]);
    for (const span of spans) {
      expect(span).toMatchObject({ name: "publish flights", kind: SpanKind.PRODUCER, links: [] });
      expect(span.parentSpanContext).toMatchObject(toSpanContext(cause));
      expect(span.attributes).toMatchObject({
        "messaging.system": "statesource",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": "flights",
        "messaging.message.body.size": expect.any(Number),
        "machine.id": "flights",
        "machine.version": `${EPOCH}-1`,
        "replication.push.kind": "diff",
        "replication.seq.before": 0,
        "replication.seq": 1,
      });
    }
  });

  it("makes no span for unsampled traces, and leaves their trace contexts unchanged", async () => {
    const { recorder, subscribe, flip, time, telemetry } = setUp();
    subscribe("rep-1");
    flip(0, [createContext(7, false)]);
    await time.advance(0);
    expect(recorder.spans).toEqual([]);
    const event = { downstream: "leaf", seqBefore: 0, seq: 1 };
    expect(
      telemetry.downstream.pushing!({ ...event, traceContexts: [createContext(7, false)] }),
    ).toBeUndefined();
  });

  it("links the traces in one diff through the last of them", async () => {
    const { recorder, subscribe, flip, time } = setUp();
    subscribe("leaf");
    const [one, two, three] = [createContext(1), createContext(2), createContext(3)];
    const auto = createContext(1);
    auto[16] = 99;
    flip(0, [one!]);
    flip(1, [auto]);
    flip(0, [two!]);
    flip(1, [three!]);
    await time.advance(0);
    const linked = recorder.spans.map(({ parentSpanContext, links }) => [
      parentSpanContext!.traceId.slice(0, 2),
      ...links.map(({ context }) => `${context.traceId.slice(0, 2)} ${context.spanId.slice(0, 2)}`),
    ]);
    expect(linked).toEqual([
      // The auto transition belongs to the same trace: one span for both.
      ["01", "01 63", "03 03"],
      ["02", "03 03"],
      ["03", "01 01", "02 02"],
    ]);
    expect(recorder.spans[0]!.attributes["messaging.batch.message_count"]).toBe(3);
  });
});

describe("ReplicationTelemetry, upstream", () => {
  it("makes a span of each traced diff that is applied, and puts its trace context on the change", () => {
    const { telemetry, recorder, records, metrics, time } = setUp();
    const publish = createContext(7);
    const carried = telemetry.upstream.applying!([publish]);
    expect(recorder.spans).toEqual([]);
    telemetry.upstream.applied!(applied({ changedAtMs: time.now() - 20 }));
    const [span] = recorder.spans;
    expect(span).toMatchObject({ name: "apply flights", kind: SpanKind.CONSUMER });
    expect(span!.parentSpanContext).toMatchObject(toSpanContext(publish));
    expect(span!.attributes).toMatchObject({
      "messaging.operation.type": "process",
      "machine.version": `${EPOCH}-5`,
      "replication.seq.before": 3,
      "replication.seq": 5,
      "replication.states.changed": 2,
      "replication.lag": 0.02,
      "replication.upstream": "up:1",
    });
    expect(carried).toEqual([fromSpanContext(span!.spanContext())]);
    expect(records.map(({ message }) => message)).toEqual(["diff applied"]);
    expect(readMetrics(metrics)).toMatchObject({
      "replication.lag": { count: 1, sum: 0.02 },
      "replication.transit": { count: 1, sum: 0.002 },
    });
  });

  it("never ends the span of a message that is not applied", () => {
    const { telemetry, recorder } = setUp();
    telemetry.upstream.applying!([createContext(7)]);
    expect(telemetry.upstream.applying!([])).toBeUndefined();
    telemetry.upstream.applied!(applied());
    expect(recorder.spans).toEqual([]);
  });

  it("records no lag of snapshots, and no transit time without a bound", () => {
    const { telemetry, metrics } = setUp();
    telemetry.upstream.applied!(applied({ isSnapshot: true }));
    telemetry.upstream.applied!(applied({ transitMs: Number.POSITIVE_INFINITY }));
    const read = readMetrics(metrics);
    expect(read["replication.lag"]).toMatchObject({ count: 1 });
    expect(read).not.toHaveProperty("replication.transit");
  });

  it("counts resyncs by reason, each shown from 0, and forwarded mutations by result", () => {
    const { telemetry, metrics } = setUp();
    telemetry.upstream.resync!("checksum", "…");
    telemetry.upstream.forwarded!(REQUEST, { result: "executed", version: "a-1" });
    telemetry.upstream.forwarded!(REQUEST, new ReplicationError("unavailable", "…"));
    expect(readMetrics(metrics)).toMatchObject({
      "replication.resyncs checksum": 1,
      "replication.mutations.forwarded executed": 1,
      "replication.mutations.forwarded unavailable": 1,
    });
    const resyncs = metrics
      .collect()
      .find(({ definition }) => definition.name === "replication.resyncs");
    expect(resyncs!.points).toHaveLength(5);
  });
});

describe("ReplicationTelemetry, mutations", () => {
  const TRACED = { ...REQUEST, traceContext: createContext(7) };

  it("makes a SERVER and a CLIENT span of each, and passes on the trace context", () => {
    const { telemetry, recorder } = setUp();
    const { upstream, downstream } = telemetry;
    const served = downstream.serving!(TRACED)!;
    const sent = upstream.forwarding!(served)!;
    upstream.forwarded!(sent, { result: "executed", version: "aa-1" });
    downstream.served!(served, { result: "executed", version: "aa-1" });
    const [client, server] = recorder.spans;
    expect(server).toMatchObject({ name: MUTATE, kind: SpanKind.SERVER });
    expect(client).toMatchObject({ name: MUTATE, kind: SpanKind.CLIENT });
    expect(server!.parentSpanContext).toMatchObject(toSpanContext(createContext(7)));
    expect(client!.parentSpanContext?.spanId).toBe(server!.spanContext().spanId);
    expect(sent).toEqual({
      ...REQUEST,
      traceContext: fromSpanContext(client!.spanContext()),
    });
    expect(client!.attributes).toEqual({
      "rpc.system.name": "connectrpc",
      "rpc.method": MUTATE,
      "rpc.response.status_code": "ok",
      "machine.id": "flights",
      "machine.mutation.type": "add",
      "machine.mutation.states": ["A"],
      "machine.transition.result": "executed",
      "machine.version": "aa-1",
      "server.address": "up:1",
      "replication.upstream": "up:1",
    });
    expect(server!.attributes).not.toHaveProperty("server.address");
  });

  it("reports why one was canceled or failed", () => {
    const { telemetry, recorder } = setUp();
    const { upstream } = telemetry;
    const rejected = { by: "relation Remove of B" };
    upstream.forwarded!(upstream.forwarding!(TRACED)!, {
      result: "canceled",
      version: "aa-1",
      rejected,
    });
    const error = new ReplicationError("unavailable", "Cannot reach up:1: ECONNREFUSED");
    upstream.forwarded!(upstream.forwarding!(TRACED)!, error);
    expect(recorder.spans[0]).toMatchObject({
      attributes: { "machine.rejected.by": "relation Remove of B" },
      status: { code: 0 },
    });
    expect(recorder.spans[1]).toMatchObject({
      attributes: { "rpc.response.status_code": "unavailable", "error.type": "unavailable" },
      status: { code: 2, message: "Cannot reach up:1: ECONNREFUSED" },
    });
  });

  it("passes on the decision not to record, so that no node upstream decides again", () => {
    const { telemetry, recorder } = setUp();
    const { traceContext } = telemetry.upstream.forwarding!(REQUEST)!;
    expect(recorder.spans).toEqual([]);
    expect(traceContext).toHaveLength(25);
    expect(traceContext![24]).toBe(0);
  });
});

describe("ReplicationTelemetry without tracing", () => {
  it("leaves mutations and trace contexts unchanged", () => {
    const { upstream, downstream } = setUp({ traces: false }).telemetry;
    const traceContexts = [createContext(7)];
    const request = { ...REQUEST, traceContext: traceContexts[0]! };
    expect(downstream.serving!(request)).toBeUndefined();
    expect(upstream.forwarding!(request)).toBeUndefined();
    expect(upstream.applying!(traceContexts)).toBeUndefined();
    const event = { downstream: "leaf", seqBefore: 0, seq: 1, traceContexts };
    expect(downstream.pushing!(event)).toBeUndefined();
  });
});
