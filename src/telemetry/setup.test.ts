import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { afterEach, describe, expect, it } from "vitest";
import { OtlpReceiver, type ReceiverMode } from "../testing/otlp_receiver.ts";
import { createContext } from "../testing/span_recorder.ts";
import { VirtualTime } from "../testing/virtual_time.ts";
import { METRIC_LAG, METRIC_PUSHES } from "./semconv.ts";
import { startTelemetry, type TelemetryBackend } from "./setup.ts";
import { toSpanContext } from "./trace_context.ts";

const NODE = { name: "rep-1-1", role: "leaf", version: "1.2.3", parents: ["a:1", "b:2"] } as const;
/** Sends each batch at once, so that tests do not wait for it. */
const SOON = { OTEL_BSP_SCHEDULE_DELAY: "1", OTEL_BLRP_SCHEDULE_DELAY: "1" };

const receivers: OtlpReceiver[] = [];
const backends: TelemetryBackend[] = [];
let problems: string[] = [];

afterEach(async () => {
  await Promise.all(receivers.splice(0).map((receiver) => receiver.close()));
  await Promise.all(backends.splice(0).map((backend) => backend.shutdown()));
  problems = [];
});

async function startReceiver(mode: ReceiverMode = "ok"): Promise<OtlpReceiver> {
  const receiver = await OtlpReceiver.start(mode);
  receivers.push(receiver);
  return receiver;
}

/** With a virtual time, no level is set. */
async function start(
  env: Record<string, string>,
  { time, level = 2 }: { time?: VirtualTime; level?: number } = {},
): Promise<TelemetryBackend> {
  const backend = await startTelemetry({
    env: { OTEL_TRACES_SAMPLER: "always_on", ...SOON, ...env },
    node: NODE,
    ...(time && { time }),
    onProblem: (message, fields) => problems.push(`${message} ${Object.values(fields).join(" ")}`),
  });
  backends.push(backend);
  if (time === undefined) backend.setLevel(level);
  return backend;
}

const endSpan = (backend: TelemetryBackend, name = "work") =>
  backend.tracers!.tracer.startSpan(name, {}, ROOT_CONTEXT).end();

const emit = (backend: TelemetryBackend, message = "node started") =>
  backend.emitLog({ timeMs: 1_767_225_600_123, level: "info", message, fields: { n: 1 } });

async function shutdownMs(backend: TelemetryBackend): Promise<number> {
  const startedAtMs = performance.now();
  await backend.shutdown();
  return performance.now() - startedAtMs;
}

describe("startTelemetry()", () => {
  it("exports nothing without an endpoint or if it is disabled, and still has metrics", async () => {
    const receiver = await startReceiver();
    for (const env of [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url, OTEL_SDK_DISABLED: "true" },
    ]) {
      const backend = await start(env as Record<string, string>);
      expect(backend.tracers).toBeUndefined();
      emit(backend);
      expect(backend.renderMetrics().body).toContain("target_info");
      await backend.shutdown();
    }
    expect(receiver.requests).toEqual([]);
  });

  it("writes metrics as Prometheus text, with service, node and level on every series", async () => {
    const backend = await start({ OTEL_RESOURCE_ATTRIBUTES: "host.name=here" });
    backend.metrics.counters(METRIC_PUSHES).at("diff").value = 3;
    const lag = backend.metrics.histogram(METRIC_LAG);
    for (const seconds of [0.0004, 0.0005, 0.3, 60]) lag.record(seconds);
    const { body, contentType } = backend.renderMetrics();
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    const common = 'service_name="tree-leaf",service_instance_id="rep-1-1",tree_level="2"';
    const lines = body.split("\n");
    expect(lines).toContain("# TYPE replication_pushes_total counter");
    expect(lines).toContain(`replication_pushes_total{kind="diff",${common}} 3`);
    expect(lines).toContain("# TYPE replication_lag histogram");
    expect(lines).toContain(`replication_lag_bucket{${common},le="0.0005"} 2`);
    expect(lines).toContain(`replication_lag_bucket{${common},le="0.25"} 2`);
    expect(lines).toContain(`replication_lag_bucket{${common},le="0.5"} 3`);
    expect(lines).toContain(`replication_lag_bucket{${common},le="+Inf"} 4`);
    expect(lines).toContain(`replication_lag_count{${common}} 4`);
    expect(lines).toContain(
      'target_info{host_name="here",service_name="tree-leaf",service_namespace="tree-state-source",service_instance_id="rep-1-1",service_version="1.2.3",tree_parent="a:1,b:2",tree_level="2"} 1',
    );
    const series = lines.filter((line) => line !== "" && !line.startsWith("#"));
    for (const line of series) expect(line).toMatch(/service_instance_id="rep-1-1"/);
    backend.setLevel(5);
    expect(backend.renderMetrics().body).toContain('tree_level="5"');
  });

  it("exports spans and records with the node's resource and level", async () => {
    const receiver = await startReceiver();
    const backend = await start(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS: "x-team=boards",
        OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
        OTEL_SERVICE_NAME: "mine",
      },
      { level: 3 },
    );
    endSpan(backend);
    const traceContext = createContext(7);
    backend.emitLog({
      timeMs: 1_767_225_600_123,
      level: "warn",
      message: "link lost",
      fields: { upstream: "a:1", attempts: 3, last: undefined },
      traceContext,
    });
    await backend.shutdown();
    expect(receiver.errors).toEqual([]);
    const resource = {
      "service.name": "mine",
      "service.namespace": "tree-state-source",
      "service.instance.id": "rep-1-1",
      "service.version": "1.2.3",
      "tree.parent": "a:1,b:2",
      "tree.level": 3,
    };
    expect(receiver.spans).toMatchObject([{ name: "work", resource }]);
    expect(receiver.logs).toEqual([
      {
        resource,
        timeNs: 1_767_225_600_123_000_000n,
        severity: "WARN",
        severityNumber: 13,
        body: "link lost",
        eventName: "link.lost",
        attributes: { event_name: "link.lost", upstream: "a:1", attempts: 3 },
        traceId: "07".repeat(16),
        spanId: "07".repeat(8),
      },
    ]);
    for (const { headers } of receiver.requests) {
      expect(headers).toMatchObject({ "x-team": "boards", "content-encoding": "gzip" });
    }
  });

  it("uses the level of the default tree if the node sets none within a second", async () => {
    const receiver = await startReceiver();
    const time = new VirtualTime();
    const backend = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url }, { time });
    emit(backend);
    await time.advance(1_000);
    await expect.poll(() => receiver.logs).toMatchObject([{ resource: { "tree.level": 2 } }]);
  });

  it("samples traces with the configured sampler", async () => {
    const { url } = await startReceiver();
    const startsWith = async (sampler: string, arg: string, parent?: Uint8Array) => {
      const backend = await start({
        OTEL_EXPORTER_OTLP_ENDPOINT: url,
        OTEL_TRACES_SAMPLER: sampler,
        OTEL_TRACES_SAMPLER_ARG: arg,
      });
      const context = parent
        ? trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent))
        : ROOT_CONTEXT;
      const { tracer, rootRatio } = backend.tracers!;
      return [tracer.startSpan("work", {}, context).isRecording(), rootRatio];
    };
    const [sampled, unsampled] = [createContext(7), createContext(7, false)];
    expect(await startsWith("always_on", "")).toEqual([true, 1]);
    expect(await startsWith("always_off", "", sampled)).toEqual([false, 0]);
    expect(await startsWith("traceidratio", "1", unsampled)).toEqual([true, 1]);
    expect(await startsWith("traceidratio", "0", sampled)).toEqual([false, 0]);
    expect(await startsWith("parentbased_always_on", "", unsampled)).toEqual([false, 1]);
    expect(await startsWith("parentbased_always_off", "", sampled)).toEqual([true, 0]);
    expect(await startsWith("parentbased_traceidratio", "0.25", sampled)).toEqual([true, 0.25]);
    expect(await startsWith("parentbased_traceidratio", "0.25", unsampled)).toEqual([false, 0.25]);
  });

  it("reports invalid variables, and starts", async () => {
    await start({ OTEL_TRACES_SAMPLER_ARG: "lots" });
    expect(problems).toEqual([
      'telemetry variable ignored Cannot use OTEL_TRACES_SAMPLER_ARG: "lots" is not a number from 0 to 1; 0.01 is used',
    ]);
  });
});

describe("A collector", () => {
  it.each(["refuse", "broken", "hang"] as const)(
    "in mode %s does not delay a shutdown by two seconds",
    async (mode) => {
      const receiver = await startReceiver(mode);
      const backend = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url });
      endSpan(backend);
      emit(backend);
      await expect.poll(() => receiver.requests.length).toBeGreaterThanOrEqual(2);
      endSpan(backend);
      emit(backend);
      expect(await shutdownMs(backend)).toBeLessThan(2_000);
    },
  );

  it("that is unreachable does not delay a shutdown by two seconds, and is reported once per signal", async () => {
    const backend = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_TIMEOUT: "50",
    });
    for (let i = 0; i < 3; i++) {
      endSpan(backend);
      emit(backend);
    }
    await expect.poll(() => problems.length).toBe(2);
    endSpan(backend);
    expect(await shutdownMs(backend)).toBeLessThan(2_000);
    expect(problems.toSorted()).toEqual([
      expect.stringMatching(/^telemetry export failed logs /),
      expect.stringMatching(/^telemetry export failed traces /),
    ]);
    expect(backend.renderMetrics().body).toMatch(
      /telemetry_exported_total\{signal="traces",result="failed",[^}]*\} [1-9]/,
    );
  });

  it("that hangs costs bounded memory: the excess is dropped, and later spans arrive", async () => {
    const receiver = await startReceiver("hang");
    const backend = await start({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${receiver.url}/v1/traces`,
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10",
    });
    endSpan(backend, "first");
    await expect.poll(() => receiver.requests.length).toBe(1);
    const startedAtMs = performance.now();
    for (let i = 0; i < 10_000; i++) endSpan(backend, `flood ${i}`);
    // No span waits for the collector.
    expect(performance.now() - startedAtMs).toBeLessThan(1_500);
    receiver.mode = "ok";
    await expect.poll(() => receiver.spans.length, { timeout: 10_000 }).toBe(100);
    expect(receiver.spans.map(({ name }) => name)).toEqual(
      Array.from({ length: 100 }, (_, i) => `flood ${i}`),
    );
    endSpan(backend, "later");
    await expect.poll(() => receiver.spans.at(-1)?.name).toBe("later");
    expect(problems).toEqual([
      expect.stringMatching(/^telemetry export failed traces/),
      "telemetry export recovered traces",
    ]);
  });
});
