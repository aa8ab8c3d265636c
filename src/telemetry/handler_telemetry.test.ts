import { SpanStatusCode } from "@opentelemetry/api";
import { describe, expect, it } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { createContext, readMetrics } from "../testing/span_recorder.ts";
import { createTelemetryServices } from "../testing/telemetry_services.ts";
import { settle } from "../testing/virtual_time.ts";
import { HandlerTelemetry } from "./handler_telemetry.ts";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";

/** A replica whose changes carry these trace contexts. */
function setUp(contexts: readonly Uint8Array[], traces = true) {
  const followed = new FollowedClock({ A: {}, B: {} });
  const { time } = followed;
  const services = createTelemetryServices(time, { traces });
  const { recorder, metrics } = services;
  const telemetry = new HandlerTelemetry(services);
  const replica = followed.replica({ tracer: telemetry });
  telemetry.follow(replica as never);
  followed.snapshot();
  return {
    followed,
    replica,
    recorder,
    time,
    metrics: () => readMetrics(metrics),
    /** Trace contexts of the exemplars of all histograms. */
    exemplars: () =>
      metrics
        .collect()
        .flatMap(({ points }) => points.map(({ value }) => value))
        .flatMap((value) => (typeof value === "number" ? [] : value.exemplars))
        .flatMap((exemplar) => (exemplar === undefined ? [] : [exemplar.traceContext])),
    add: (state: string) => followed.push(`+${state}`, contexts),
  };
}

describe("HandlerTelemetry", () => {
  it("makes a span of a call as a child of the change's last traced transition, linked to the others", async () => {
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

  it("makes no span if tracing is off or no trace is sampled", async () => {
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

  it("measures an async handler until it settles, and counts failures", async () => {
    const { replica, recorder, add, metrics, time } = setUp([createContext(1)]);
    const { promise, reject } = Promise.withResolvers<void>();
    replica.handle({ AState: () => promise, BState() {} });
    await add("A");
    expect([recorder.spans.length, metrics()]).toEqual([0, {}]);
    await time.advance(250);
    reject(new RangeError("out of range"));
    await settle();
    expect(metrics()).toEqual({
      "machine.handler.duration": { count: 1, sum: 0.25 },
      "machine.errors": 1,
    });
    const [span] = recorder.spans;
    expect(span).toMatchObject({
      attributes: { "error.type": "RangeError" },
      status: { code: SpanStatusCode.ERROR, message: "out of range" },
    });
    await add("B");
    expect(metrics()).toMatchObject({ "machine.errors": 1 });
  });

  it("counts open waits", () => {
    const { replica, metrics } = setUp([]);
    void replica.when("A");
    void replica.whenTicks("B", 2);
    expect(metrics()).toEqual({ "machine.subscriptions": 2 });
  });
});
