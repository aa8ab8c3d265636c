import { SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { createContext, createSpanRecorder, readMetrics } from "../testing/span_recorder.ts";
import { settle } from "../testing/virtual_time.ts";
import { HandlerTelemetry } from "./handler_telemetry.ts";
import { MetricSet } from "./metric_set.ts";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";
import { Tracing } from "./tracing.ts";

/** A replica that is told of transitions with these trace contexts. */
function setUp(contexts: readonly Uint8Array[], isTracing = true) {
  const followed = new FollowedClock({ A: {}, B: {} });
  const { time } = followed;
  const recorder = createSpanRecorder(false);
  const metrics = new MetricSet();
  const telemetry = new HandlerTelemetry({
    metrics,
    tracing: isTracing ? new Tracing(recorder.tracers, time) : undefined,
    time,
    machineId: "flights",
  });
  const replica = followed.replica({ tracer: telemetry });
  telemetry.follow(replica as never);
  followed.snapshot();
  return {
    followed,
    replica,
    recorder,
    time,
    metrics: () => readMetrics(metrics),
    /** Contexts of the exemplars of handlers' durations. */
    exemplars: () =>
      metrics
        .collect()
        .flatMap(({ points }) => points.map(({ value }) => value))
        .flatMap((value) => (typeof value === "number" ? [] : value.exemplars))
        .flatMap((exemplar) => (exemplar === undefined ? [] : [exemplar.traceContext])),
    async add(state: string) {
      followed.machine.add(state);
      followed.diff(contexts);
      await settle();
    },
  };
}

describe("HandlerTelemetry", () => {
  it("makes a span of a call, under the last traced transition that it is told of, linked to the others", async () => {
    const contexts = [
      createContext(1),
      createContext(2),
      createContext(3),
      createContext(4, false),
    ];
    const { replica, recorder, followed, add, exemplars } = setUp(contexts);
    replica.handle({ AState() {} }, { id: "board" });
    await add("A");
    const [span, ...others] = recorder.spans;
    expect(others).toEqual([]);
    const { spanId, traceId } = toSpanContext(contexts[2]!);
    expect(span).toMatchObject({
      name: "handler",
      attributes: {
        "machine.handler.name": "AState",
        "machine.handler.binding": "board",
        "machine.id": "flights",
        "replication.seq.before": 0,
        "replication.seq": 1,
        "machine.version": `${followed.clock.epoch}-1`,
      },
    });
    expect(span!.spanContext().traceId).toBe(traceId);
    expect(span!.parentSpanContext?.spanId).toBe(spanId);
    expect(exemplars()).toEqual([fromSpanContext(span!.spanContext())]);
    expect(span!.links.map(({ context }) => context.spanId)).toEqual(
      contexts.slice(0, 2).map((context) => toSpanContext(context).spanId),
    );
  });

  it("makes none where nothing is traced, or only what is not sampled", async () => {
    for (const { replica, recorder, add, metrics } of [
      setUp([createContext(1)], false),
      setUp([createContext(1, false)]),
      setUp([]),
    ]) {
      replica.handle({ AState() {} });
      await add("A");
      expect(recorder.spans).toEqual([]);
      expect(metrics()).toMatchObject({ "machine.handler.duration": { count: 1, sum: 0 } });
    }
  });

  it("measures an async handler until it is done, and counts what fails", async () => {
    const { replica, recorder, add, metrics, time } = setUp([createContext(1)]);
    const { promise, reject } = Promise.withResolvers<void>();
    replica.handle({ AState: () => promise, BState() {} });
    await add("A");
    expect([recorder.spans.length, metrics()]).toEqual([0, {}]);
    await time.advance(250);
    reject(new RangeError("made up"));
    await settle();
    expect(metrics()).toEqual({
      "machine.handler.duration": { count: 1, sum: 0.25 },
      "machine.errors": 1,
    });
    const [span] = recorder.spans;
    expect(span).toMatchObject({
      attributes: { "error.type": "RangeError" },
      status: { code: SpanStatusCode.ERROR, message: "made up" },
    });
    await add("B");
    expect(metrics()).toMatchObject({ "machine.errors": 1 });
  });

  it("counts the waits that are open", () => {
    const { replica, metrics } = setUp([]);
    void replica.when("A");
    void replica.whenTicks("B", 2);
    expect(metrics()).toEqual({ "machine.subscriptions": 2 });
  });
});
