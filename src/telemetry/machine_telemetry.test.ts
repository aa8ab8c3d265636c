import { describe, expect, it } from "vitest";
import { createMachine, type Machine, type Schema } from "../machine/mod.ts";
import { createSource } from "../replication/mod.ts";
import { createContext, readMetrics } from "../testing/span_recorder.ts";
import { createTelemetryServices } from "../testing/telemetry_services.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { MachineTelemetry } from "./machine_telemetry.ts";
import { fromSpanContext } from "./trace_context.ts";

const SCHEMA: Schema = {
  Open: { remove: ["Closed"] },
  Closed: { auto: true, remove: ["Open"] },
  Locked: { require: ["Closed"] },
  Alarm: {},
};

/** Time that a test can move within a transition. */
class TestTime extends VirtualTime {
  nowMs = 0;
  override now(): number {
    return VirtualTime.startMs + this.nowMs;
  }
  override monotonic(): number {
    return this.nowMs;
  }
}

function setUp(options: { traces?: boolean; keepsRoots?: boolean; level?: "info" | "debug" } = {}) {
  const time = new TestTime();
  const services = createTelemetryServices(time, { keepsRoots: true, ...options });
  const { recorder, metrics, records } = services;
  const machine = createMachine(SCHEMA, {
    id: "door",
    now: () => time.nowMs,
  }) as unknown as Machine;
  const telemetry = new MachineTelemetry(services);
  const source = createSource(machine, { time, epoch: "00000000000000aa", tracer: telemetry });
  telemetry.follow(machine, source.clock);
  const carried: (readonly Uint8Array[])[] = [];
  source.clock.onChange(({ traceContexts }) => carried.push(traceContexts));
  return { time, machine, metrics, recorder, records, carried };
}

const contextOf = (span: { spanContext(): Parameters<typeof fromSpanContext>[0] }) =>
  fromSpanContext(span.spanContext());

describe("MachineTelemetry", () => {
  it("counts transitions by type and result, but no dry runs", () => {
    const { machine, metrics } = setUp();
    machine.add("Open");
    machine.add("Locked");
    machine.remove("Open");
    machine.set(["Alarm", "Closed"]);
    machine.canAdd("Locked");
    machine.canRemove("Alarm");
    const counts = Object.entries(readMetrics(metrics)).filter(([key]) =>
      key.startsWith("machine.transitions"),
    );
    expect(Object.fromEntries(counts)).toEqual({
      "machine.transitions executed add": 1,
      "machine.transitions canceled add": 1,
      "machine.transitions executed remove": 1,
      "machine.transitions executed set": 1,
      "machine.transitions executed auto": 1,
    });
  });

  it("measures transitions, handlers and the time in the queue", () => {
    const { machine, metrics, time } = setUp({ traces: false });
    machine.handle({
      OpenState: () => {
        time.nowMs += 30;
        machine.add("Alarm");
        time.nowMs += 20;
      },
      AlarmEnter: () => {
        time.nowMs += 5;
      },
    } as never);
    machine.add("Open");
    expect(readMetrics(metrics)).toMatchObject({
      "machine.handler.duration": { count: 2, sum: 0.055 },
      "machine.transition.duration": { count: 2, sum: 0.055 },
      "machine.queue.wait": { count: 2, sum: 0.02 },
    });
  });

  it("shows the longest queue and the open waits", () => {
    const { machine, metrics } = setUp();
    machine.handle({
      OpenState: () => {
        for (const state of ["Alarm", "Locked", "Closed"]) machine.add(state);
      },
    } as never);
    void machine.when("Alarm");
    expect(readMetrics(metrics)).toMatchObject({ "machine.subscriptions": 1 });
    machine.add("Open");
    expect(readMetrics(metrics)).toMatchObject({ "machine.queue.length": 2 });
    expect(readMetrics(metrics)).not.toHaveProperty("machine.subscriptions");
  });

  it("makes one span of a traced transition, with all its attributes", () => {
    const { machine, recorder, time } = setUp();
    machine.add("Closed");
    time.nowMs = 100;
    const parent = createContext(7);
    machine.add(["Open", "Alarm"], undefined, { context: parent });
    const span = recorder.spans.at(-1)!;
    expect(span).toMatchObject({
      name: "transition",
      parentSpanContext: { spanId: "0707070707070707", isRemote: true },
      startTime: [VirtualTime.startMs / 1000, 100_000_000],
      endTime: [VirtualTime.startMs / 1000, 100_000_000],
    });
    expect(span.spanContext().traceId).toBe("07".repeat(16));
    expect(span.attributes).toEqual({
      "machine.id": "door",
      "machine.transition.id": "door-2",
      "machine.mutation.type": "add",
      "machine.mutation.states": ["Open", "Alarm"],
      "machine.transition.result": "executed",
      "machine.states.added": ["Open", "Alarm"],
      "machine.states.removed": ["Closed"],
      "machine.time.before": 1,
      "machine.time.after": 4,
      "machine.queue.wait": 0,
      "machine.version": "00000000000000aa-2",
      "replication.seq": 2,
    });
  });

  it("reports why a transition was canceled, with the unchanged version", () => {
    const { machine, recorder, records } = setUp();
    machine.add("Locked");
    const [span] = recorder.spans;
    expect(span!.attributes).toMatchObject({
      "machine.transition.result": "canceled",
      "machine.rejected.by": "relation Require of Locked, Closed is missing",
      "machine.rejected.state": "Locked",
      "machine.states.added": [],
      "machine.version": "00000000000000aa-0",
    });
    expect(records).toEqual([
      {
        level: "info",
        message: "transition canceled",
        fields: {
          "machine.mutation.type": "add",
          "machine.mutation.states": "Locked",
          "machine.rejected.by": "relation Require of Locked, Closed is missing",
          "machine.id": "door",
          "machine.transition.id": "door-1",
          "machine.version": "00000000000000aa-0",
        },
        traceContext: contextOf(span!),
      },
    ]);
  });

  it("makes no span if the cause is not sampled, or if there is none and the sampler drops it", () => {
    const kept = setUp({ keepsRoots: true });
    kept.machine.add("Alarm", undefined, { context: createContext(1, false) });
    expect(kept.recorder.spans).toEqual([]);
    kept.machine.remove("Alarm");
    expect(kept.recorder.spans.map(({ name }) => name)).toContain("transition");
    const dropped = setUp({ keepsRoots: false });
    dropped.machine.add("Alarm");
    expect(dropped.recorder.spans).toEqual([]);
    dropped.machine.remove("Alarm", undefined, { context: createContext(1) });
    expect(dropped.recorder.spans).toHaveLength(1);
    expect([kept.records.length, dropped.records.length]).toEqual([1, 1]);
  });

  it("makes children of a transition's span: handlers, auto transitions and mutations made in handlers", () => {
    const { machine, recorder, time } = setUp({ keepsRoots: false });
    machine.handle({
      OpenEnd: () => {
        machine.add("Alarm");
        time.nowMs += 4;
      },
    } as never);
    machine.add("Open");
    machine.remove("Open", undefined, { context: createContext(9) });
    const [handler, cause, auto, nested] = recorder.spans;
    const typeOf = ({ attributes }: { attributes: object }) => ({ ...attributes });
    expect(typeOf(cause!)).toMatchObject({ "machine.mutation.type": "remove" });
    expect(handler).toMatchObject({
      name: "handler",
      attributes: { "machine.handler.name": "OpenEnd" },
      parentSpanContext: { spanId: cause!.spanContext().spanId },
    });
    expect(typeOf(auto!)).toMatchObject({
      "machine.mutation.type": "auto",
      "machine.states.added": ["Closed"],
    });
    expect(typeOf(nested!)).toMatchObject({
      "machine.mutation.states": ["Alarm"],
      "machine.queue.wait": 0.004,
    });
    for (const span of [auto!, nested!])
      expect(span.parentSpanContext?.spanId).toBe(cause!.spanContext().spanId);
    // The span of a nested mutation includes its time in the queue.
    expect(nested!.duration).toEqual([0, 4_000_000]);
  });

  it("names the feed that made a transition", () => {
    const { machine, recorder } = setUp();
    machine.add("Alarm", undefined, { context: { feed: "replay" } });
    expect(recorder.spans[0]!.attributes).toMatchObject({ "feed.name": "replay" });
  });

  it("puts the trace context of a traced transition on its change of the clock, and on no other", () => {
    const { machine, recorder, carried } = setUp({ keepsRoots: false });
    const traced = { context: createContext(3) };
    machine.add("Open", undefined, traced);
    // Neither changes the clock: their trace contexts must not ride on the next change.
    machine.add("Open", undefined, traced);
    machine.add("Locked", undefined, traced);
    machine.add("Alarm");
    expect(recorder.spans).toHaveLength(3);
    expect(carried).toEqual([[contextOf(recorder.spans[0]!)], []]);
  });

  it("passes trace contexts through unchanged if tracing is off", () => {
    const { machine, carried, recorder } = setUp({ traces: false });
    machine.add(["Alarm", "Closed"], undefined, { context: createContext(3) });
    machine.remove("Alarm");
    expect(carried).toEqual([[createContext(3)], []]);
    expect(recorder.spans).toEqual([]);
  });

  it("logs every transition at level debug, and traced ones at level info", () => {
    const { machine, records } = setUp({ keepsRoots: false, level: "debug" });
    machine.add("Closed");
    machine.add("Open", undefined, { context: createContext(3) });
    expect(records.map(({ level, message }) => `${level} ${message}`)).toEqual([
      "debug transition executed",
      "info transition executed",
    ]);
    expect(records[0]!.fields).toMatchObject({ "machine.version": "00000000000000aa-1" });
  });
});
