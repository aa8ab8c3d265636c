import { SpanKind } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import {
  type AppliedEvent,
  type MutationRequest,
  Publisher,
  ReplicationError,
  VersionedClock,
} from "../replication/mod.ts";
import { createContext, createSpanRecorder, readMetrics } from "../testing/span_recorder.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { MetricSet } from "./metric_set.ts";
import { ReplicationTelemetry } from "./replication_telemetry.ts";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";
import { Tracing } from "./tracing.ts";

const EPOCH = "00000000000000aa";
const MUTATE = "statesource.v1.StateSourceService/Mutate";
const REQUEST: MutationRequest = { type: "add", states: ["A"] };

function setUp(options: { traces?: boolean } = {}) {
  const time = new VirtualTime();
  const recorder = createSpanRecorder(false);
  const metrics = new MetricSet();
  const told: string[] = [];
  const clock = new VersionedClock();
  const write = (message: string) => void told.push(message);
  const telemetry = new ReplicationTelemetry({
    metrics,
    tracing: options.traces === false ? undefined : new Tracing(recorder.tracers, time),
    log: { info: write, debug: write, trace: () => {}, enabled: () => false },
    time,
    machineId: "flights",
  });
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
  return { time, recorder, metrics, told, clock, telemetry, publisher, subscribe, flip };
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
  it("counts messages by kind, their bytes, and the seqs that went in another's diff", async () => {
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

  it("measures how long a change waited for its push", async () => {
    const { metrics, time, clock, flip, telemetry } = setUp();
    const publisher = new Publisher(clock, {
      name: "root",
      machineId: "flights",
      time,
      pushIntervalMs: 50,
      tracer: telemetry.downstream,
    });
    publisher.subscribe(
      { name: "leaf", epoch: "", seq: 0, schemaHash: "", selection: undefined },
      { write: () => true, close() {}, abort() {} },
    );
    flip(0);
    await time.advance(10);
    flip(1);
    await time.advance(40);
    expect(readMetrics(metrics)).toMatchObject({
      // The first at once; the second when the interval after that was over.
      "replication.hop.lag": { count: 2, sum: 0.04 },
    });
  });

  it("makes a span per trace and downstream, and tells each downstream its own", async () => {
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

  it("makes no span for what is not sampled, and shares its message", async () => {
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

  it("links the traces that travel in one diff, through the last of them", async () => {
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
      // The auto transition is of the same trace: one span for both.
      ["01", "01 63", "03 03"],
      ["02", "03 03"],
      ["03", "01 01", "02 02"],
    ]);
    expect(recorder.spans[0]!.attributes["messaging.batch.message_count"]).toBe(3);
  });
});

describe("ReplicationTelemetry, upstream", () => {
  it("makes a span of each traced diff that is applied, whose context rides on the change", () => {
    const { telemetry, recorder, told, metrics, time } = setUp();
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
    expect(told).toEqual(["diff applied"]);
    expect(readMetrics(metrics)).toMatchObject({
      "replication.lag": { count: 1, sum: 0.02 },
      "replication.transit": { count: 1, sum: 0.002 },
    });
  });

  it("never ends a span of what was not applied", () => {
    const { telemetry, recorder } = setUp();
    telemetry.upstream.applying!([createContext(7)]);
    expect(telemetry.upstream.applying!([])).toBeUndefined();
    telemetry.upstream.applied!(applied());
    expect(recorder.spans).toEqual([]);
  });

  it("leaves snapshots out of the lags, and what has no bound out of the time on the way", () => {
    const { telemetry, metrics } = setUp();
    telemetry.upstream.applied!(applied({ isSnapshot: true }));
    telemetry.upstream.applied!(applied({ transitMs: Number.POSITIVE_INFINITY }));
    const read = readMetrics(metrics);
    expect(read["replication.lag"]).toMatchObject({ count: 1 });
    expect(read).not.toHaveProperty("replication.transit");
  });

  it("passes contexts through as they came where nothing is traced", () => {
    const { telemetry } = setUp({ traces: false });
    expect(telemetry.upstream.applying!([createContext(7)])).toBeUndefined();
    const event = { downstream: "leaf", seqBefore: 0, seq: 1 };
    expect(
      telemetry.downstream.pushing!({ ...event, traceContexts: [createContext(7)] }),
    ).toBeUndefined();
  });

  it("counts resyncs by reason, all of them from 0 on, and forwarded mutations by result", () => {
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

  it("makes a SERVER and a CLIENT span of each, whose context goes on", () => {
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

  it("says why one was canceled, or failed", () => {
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

  it("passes the decision not to record on, so that no node upstream decides again", () => {
    const { telemetry, recorder } = setUp();
    const { traceContext } = telemetry.upstream.forwarding!(REQUEST)!;
    expect(recorder.spans).toEqual([]);
    expect(traceContext).toHaveLength(25);
    expect(traceContext![24]).toBe(0);
  });

  it("leaves mutations as they are where nothing is traced", () => {
    const { telemetry } = setUp({ traces: false });
    expect(telemetry.downstream.serving!(TRACED)).toBeUndefined();
    expect(telemetry.upstream.forwarding!(TRACED)).toBeUndefined();
  });
});
