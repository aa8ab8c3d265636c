import {
  type Context,
  type ContextManager,
  context,
  ROOT_CONTEXT,
  SeverityNumber,
  trace,
} from "@opentelemetry/api";
import {
  InMemoryLogRecordExporter,
  LoggerProvider,
  SimpleLogRecordProcessor,
} from "@opentelemetry/sdk-logs";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../machine/mod.ts";
import { createContext, createSpanRecorder } from "../testing/span_recorder.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { observeMachine } from "./observe_machine.ts";
import { METRIC_QUEUE_WAIT } from "./semconv.ts";

/** A reader that only collects when a test says so. */
class TestReader extends MetricReader {
  protected override async onForceFlush(): Promise<void> {}
  protected override async onShutdown(): Promise<void> {}
}

/** Keeps the active context of synchronous code. */
class SyncContextManager implements ContextManager {
  #active: Context = ROOT_CONTEXT;
  active(): Context {
    return this.#active;
  }
  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    active: Context,
    run: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    const before = this.#active;
    this.#active = active;
    try {
      return run.call(thisArg, ...args);
    } finally {
      this.#active = before;
    }
  }
  bind<T>(_context: Context, target: T): T {
    return target;
  }
  enable(): this {
    return this;
  }
  disable(): this {
    return this;
  }
}

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

function createDoor(id: string): Machine {
  return createMachine(
    { Open: { remove: ["Closed"] }, Closed: { auto: true, remove: ["Open"] }, Alarm: {} },
    { id },
  ) as unknown as Machine;
}

/** The real SDK, in memory. */
function createSdk(keepsRoots = true) {
  const reader = new TestReader();
  const meter = new MeterProvider({ readers: [reader] }).getMeter("test");
  const recorder = createSpanRecorder(keepsRoots);
  const exporter = new InMemoryLogRecordExporter();
  const logger = new LoggerProvider({
    processors: [new SimpleLogRecordProcessor({ exporter })],
  }).getLogger("test");
  const time = new TestTime();
  /** Values by metric name and attribute values; histograms as count and sum. */
  async function readMetrics(): Promise<Record<string, unknown>> {
    const { resourceMetrics } = await reader.collect();
    const points = resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap(({ descriptor, dataPoints }) =>
        dataPoints.map(({ attributes, value }) => {
          const key = [descriptor.name, ...Object.values(attributes)].join(" ");
          if (typeof value === "number") return [key, value] as const;
          const { count, sum = 0 } = value as { count: number; sum?: number };
          return [key, { count, sum: Number(sum.toFixed(6)) }] as const;
        }),
      ),
    );
    return Object.fromEntries(points);
  }
  return {
    options: { meter, tracer: recorder.tracers.tracer, logger, time },
    time,
    reader,
    recorder,
    readMetrics,
    records: () => exporter.getFinishedLogRecords(),
  };
}

describe("observeMachine()", () => {
  it("measures several machines with one meter, told apart by their ids", async () => {
    const { options, time, readMetrics } = createSdk();
    const [front, back] = [createDoor("front"), createDoor("back")];
    for (const machine of [front, back]) observeMachine(machine, { ...options });
    front.handle({
      OpenState: () => {
        time.nowMs += 30;
        front.add("Alarm");
        time.nowMs += 20;
      },
    } as never);
    void front.when("Closed");
    front.add("Open");
    back.add("Closed");
    back.canAdd("Open");
    back.add("Alarm");
    back.handle({ AlarmExit: () => false } as never);
    back.remove("Alarm");
    expect(await readMetrics()).toEqual({
      "machine.transitions executed add front": 2,
      "machine.transitions executed add back": 2,
      "machine.transitions canceled remove back": 1,
      "machine.transition.duration front": { count: 2, sum: 0.05 },
      "machine.transition.duration back": { count: 3, sum: 0 },
      "machine.handler.duration front": { count: 1, sum: 0.05 },
      "machine.handler.duration back": { count: 1, sum: 0 },
      "machine.queue.wait front": { count: 2, sum: 0.02 },
      "machine.queue.wait back": { count: 3, sum: 0 },
      "machine.queue.length front": 0,
      "machine.queue.length back": 0,
      "machine.states.active front": 2,
      "machine.states.active back": 2,
      "machine.states.known front": 4,
      "machine.states.known back": 4,
      "machine.subscriptions front": 1,
      "machine.subscriptions back": 0,
    });
  });

  it("describes its instruments as semconv.ts does", async () => {
    const { options, reader } = createSdk();
    const machine = createDoor("front");
    observeMachine(machine, options);
    machine.add("Open");
    const { resourceMetrics } = await reader.collect();
    const metrics = resourceMetrics.scopeMetrics[0]!.metrics;
    const find = (name: string) => metrics.find(({ descriptor }) => descriptor.name === name)!;
    const [transitions, duration] = [find("machine.transitions"), find("machine.queue.wait")];
    expect(transitions.descriptor).toMatchObject({
      unit: "{transition}",
      description: expect.stringMatching(/^Ended transitions/),
    });
    expect(transitions.dataPoints[0]!.attributes).toEqual({
      result: "executed",
      type: "add",
      "machine.id": "front",
    });
    const { buckets } = duration.dataPoints[0]!.value as { buckets: { boundaries: number[] } };
    expect(buckets.boundaries).toEqual(METRIC_QUEUE_WAIT.boundaries);
  });

  it("counts each error of the machine once", async () => {
    const { options, readMetrics } = createSdk();
    const machine = createDoor("front");
    observeMachine(machine, options);
    machine.handle({
      AlarmState: () => {
        throw new Error("two");
      },
    } as never);
    machine.addErr(new Error("one"));
    machine.add("Alarm");
    machine.add("Open");
    expect(await readMetrics()).toMatchObject({ "machine.errors front": 2 });
  });

  it("makes a span of each transition and handler, as children of their cause", () => {
    const { options, recorder } = createSdk();
    const machine = createDoor("front");
    observeMachine(machine, options);
    machine.handle({ OpenState: () => void machine.add("Alarm") } as never);
    machine.add("Open", undefined, { context: createContext(7) });
    const [handler, cause, nested] = recorder.spans;
    expect(cause).toMatchObject({
      name: "transition",
      parentSpanContext: { spanId: "07".repeat(8) },
    });
    expect(cause!.attributes).toEqual({
      "machine.id": "front",
      "machine.transition.id": "front-1",
      "machine.mutation.type": "add",
      "machine.mutation.states": ["Open"],
      "machine.transition.result": "executed",
      "machine.states.added": ["Open"],
      "machine.states.removed": [],
      "machine.time.before": 0,
      "machine.time.after": 1,
      "machine.queue.wait": 0,
    });
    expect(handler).toMatchObject({
      name: "handler",
      attributes: { "machine.handler.name": "OpenState", "machine.id": "front" },
    });
    for (const span of [handler!, nested!])
      expect(span.parentSpanContext?.spanId).toBe(cause!.spanContext().spanId);
  });

  it("leaves the decision about a trace to the sampler, and the transitions that follow to it as well", () => {
    const { options, recorder } = createSdk(false);
    const machine = createDoor("front");
    observeMachine(machine, options);
    machine.handle({ OpenState: () => void machine.add("Alarm") } as never);
    machine.add("Open");
    machine.remove(["Open", "Alarm"], undefined, { context: createContext(3, false) });
    expect(recorder.spans).toEqual([]);
    machine.add("Open", undefined, { context: createContext(3) });
    expect(recorder.spans.map(({ name }) => name)).toEqual(["handler", "transition", "transition"]);
  });

  it("writes a record of each transition: with its span at level info, otherwise at debug", () => {
    const { options, records } = createSdk(false);
    const machine = createDoor("front");
    observeMachine(machine, options);
    machine.add("Alarm");
    machine.handle({ OpenEnter: () => false } as never);
    machine.add("Open", undefined, { context: createContext(3) });
    const [untraced, auto, traced] = records();
    expect(untraced).toMatchObject({
      severityNumber: SeverityNumber.DEBUG,
      body: "transition executed",
      eventName: "transition.executed",
      attributes: {
        "machine.id": "front",
        "machine.transition.id": "front-1",
        "machine.mutation.type": "add",
        "machine.mutation.states": "Alarm",
      },
    });
    expect(untraced!.attributes).not.toHaveProperty("machine.version");
    expect(auto!.attributes).toMatchObject({ "machine.mutation.type": "auto" });
    expect(traced).toMatchObject({
      severityNumber: SeverityNumber.INFO,
      body: "transition canceled",
      attributes: { "machine.rejected.by": "handler OpenEnter" },
      spanContext: { traceId: "03".repeat(16) },
    });
  });

  it("writes no records of untraced transitions if the logger does not take level debug", () => {
    const bodies: unknown[] = [];
    const logger = {
      emit: ({ body }: { body?: unknown }) => void bodies.push(body),
      enabled: ({ severityNumber = SeverityNumber.INFO } = {}) =>
        severityNumber >= SeverityNumber.INFO,
    };
    const machine = createDoor("front");
    const end = observeMachine(machine, { logger });
    machine.add("Alarm");
    expect(bodies).toEqual([]);
    end();
    observeMachine(machine, { logger: { emit: logger.emit } });
    machine.remove("Alarm");
    expect(bodies).toContain("transition executed");
  });

  it("ends: no metric, span or record follows, and nothing is read at collections", async () => {
    const { options, reader, recorder, records, readMetrics } = createSdk();
    const machine = createDoor("front");
    const end = observeMachine(machine, options);
    machine.add("Alarm");
    const counted = await readMetrics();
    const spans = recorder.spans.length;
    end();
    end();
    machine.add("Open");
    machine.addErr(new Error("made up"));
    expect(machine.tracers).toEqual([]);
    expect([recorder.spans.length, records().length]).toEqual([spans, spans]);
    expect(await readMetrics()).toMatchObject({
      "machine.transitions executed add front": counted["machine.transitions executed add front"],
    });
    expect(await readMetrics()).not.toHaveProperty("machine.errors front");
    machine.activeStates = () => {
      throw new Error("read");
    };
    expect((await reader.collect()).errors).toEqual([]);
  });

  it("ends within a transition, and can begin in one", async () => {
    const { options, time, recorder, readMetrics } = createSdk();
    const machine = createDoor("front");
    const end = observeMachine(machine, options);
    time.nowMs = 1_000;
    machine.handle({
      OpenState: () => {
        machine.add("Alarm");
        end();
        observeMachine(machine, options);
      },
      OpenEnd: () => {},
    } as never);
    machine.add("Open");
    expect(recorder.spans.map(({ name }) => name)).toEqual(["transition", "transition"]);
    machine.remove("Open");
    expect(await readMetrics()).toMatchObject({
      "machine.transitions executed add front": 1,
      "machine.transitions executed remove front": 1,
      "machine.transition.duration front": { count: 3, sum: 0 },
      "machine.handler.duration front": { count: 1, sum: 0 },
    });
  });

  it("refuses what is not of OpenTelemetry, and no option at all", () => {
    const machine = createDoor("front");
    const observe = (options: object) => () => observeMachine(machine, options);
    expect(observe({})).toThrow(
      new TypeError(
        'Cannot observe machine "front": give a meter, a tracer or a logger of OpenTelemetry',
      ),
    );
    for (const [name, method] of [
      ["meter", "createCounter"],
      ["tracer", "startSpan"],
      ["logger", "emit"],
    ] as const) {
      for (const value of [console, null, 5]) {
        expect(observe({ [name]: value })).toThrow(
          new TypeError(
            `Cannot observe machine "front": its ${name} has no method "${method}", so it is not one of OpenTelemetry`,
          ),
        );
      }
    }
    expect(machine.tracers).toEqual([]);
  });
});

describe("observeMachine(), in an active context", () => {
  beforeEach(() => void context.setGlobalContextManager(new SyncContextManager()));
  afterEach(() => context.disable());

  it("makes the transition's span a child of the active span", () => {
    const { options, recorder } = createSdk();
    const machine = createDoor("front");
    observeMachine(machine, options);
    const request = options.tracer.startSpan("request");
    context.with(trace.setSpan(ROOT_CONTEXT, request), () => machine.add("Open"));
    machine.add("Alarm");
    expect(recorder.spans[0]!.parentSpanContext).toEqual(request.spanContext());
    expect(recorder.spans[1]!.parentSpanContext).toBeUndefined();
  });

  it("prefers the trace context of the mutation", () => {
    const { options, recorder } = createSdk();
    const machine = createDoor("front");
    observeMachine(machine, options);
    const request = options.tracer.startSpan("request");
    context.with(trace.setSpan(ROOT_CONTEXT, request), () =>
      machine.add("Open", undefined, { context: createContext(5) }),
    );
    expect(recorder.spans[0]!.parentSpanContext?.spanId).toBe("05".repeat(8));
  });
});
