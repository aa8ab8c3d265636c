import { describe, expect, it } from "vitest";
import { parseTelemetryOptions } from "./options.ts";

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

describe("parseTelemetryOptions()", () => {
  it("exports nothing without an endpoint, and keeps one trace in a hundred with one", () => {
    expect(parseTelemetryOptions({})).toEqual({
      traces: undefined,
      logs: undefined,
      sampler: "parentbased_traceidratio",
      samplerRatio: 0.01,
      spanBatch: {
        scheduleDelayMs: 5_000,
        exportTimeoutMs: 30_000,
        maxQueueSize: 2_048,
        maxExportBatchSize: 512,
      },
      logBatch: {
        scheduleDelayMs: 1_000,
        exportTimeoutMs: 30_000,
        maxQueueSize: 2_048,
        maxExportBatchSize: 512,
      },
      serviceName: undefined,
      resourceAttributes: {},
      problems: [],
    });
    expect(parseTelemetryOptions(ENDPOINT)).toMatchObject({
      traces: {
        url: "http://collector:4318/v1/traces",
        headers: {},
        timeoutMs: 10_000,
        compression: "none",
      },
      logs: { url: "http://collector:4318/v1/logs" },
    });
  });

  it("exports nothing if the SDK is disabled or a signal's exporter is none", () => {
    for (const value of ["true", "TRUE"]) {
      const { traces, logs } = parseTelemetryOptions({ ...ENDPOINT, OTEL_SDK_DISABLED: value });
      expect([traces, logs]).toEqual([undefined, undefined]);
    }
    expect(parseTelemetryOptions({ ...ENDPOINT, OTEL_SDK_DISABLED: "1" }).traces).toBeDefined();
    const { traces, logs } = parseTelemetryOptions({ ...ENDPOINT, OTEL_TRACES_EXPORTER: "none" });
    expect(traces).toBeUndefined();
    expect(logs).toBeDefined();
  });

  it("prefers a signal's own variables to the general ones", () => {
    const options = parseTelemetryOptions({
      ...ENDPOINT,
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318/base/",
      OTEL_EXPORTER_OTLP_HEADERS: "a=1,b=two%20words",
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "https://logs.example/in",
      OTEL_EXPORTER_OTLP_LOGS_HEADERS: "c=3",
      OTEL_EXPORTER_OTLP_LOGS_TIMEOUT: "700",
      OTEL_EXPORTER_OTLP_LOGS_COMPRESSION: "none",
    });
    expect(options.traces).toEqual({
      url: "http://collector:4318/base/v1/traces",
      headers: { a: "1", b: "two words" },
      timeoutMs: 500,
      compression: "gzip",
    });
    expect(options.logs).toEqual({
      url: "https://logs.example/in",
      headers: { c: "3" },
      timeoutMs: 700,
      compression: "none",
    });
  });

  it("parses sampler, batches, service name and resource", () => {
    expect(
      parseTelemetryOptions({
        OTEL_TRACES_SAMPLER: "traceidratio",
        OTEL_TRACES_SAMPLER_ARG: "0.5",
        OTEL_BSP_SCHEDULE_DELAY: "100",
        OTEL_BSP_MAX_QUEUE_SIZE: "64",
        OTEL_BLRP_MAX_EXPORT_BATCH_SIZE: "8",
        OTEL_BLRP_EXPORT_TIMEOUT: "2000",
        OTEL_SERVICE_NAME: "mine",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test, host.name = here ,",
      }),
    ).toMatchObject({
      sampler: "traceidratio",
      samplerRatio: 0.5,
      // A batch is never larger than its queue.
      spanBatch: { scheduleDelayMs: 100, maxQueueSize: 64, maxExportBatchSize: 64 },
      logBatch: { maxExportBatchSize: 8, exportTimeoutMs: 2_000 },
      serviceName: "mine",
      resourceAttributes: { "deployment.environment.name": "test", "host.name": "here" },
      problems: [],
    });
  });

  it("reports invalid values, uses the default instead, and shows no header", () => {
    const options = parseTelemetryOptions({
      OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318",
      OTEL_EXPORTER_OTLP_LOGS_ENDPOINT: "http://collector:4318/v1/logs",
      OTEL_EXPORTER_OTLP_HEADERS: "secret",
      OTEL_EXPORTER_OTLP_PROTOCOL: "grpc",
      OTEL_TRACES_SAMPLER: "sometimes",
      OTEL_TRACES_SAMPLER_ARG: "7",
      OTEL_BSP_MAX_QUEUE_SIZE: "many",
      OTEL_RESOURCE_ATTRIBUTES: "a=%zz,b=2",
    });
    expect(options).toMatchObject({
      traces: undefined,
      logs: { url: "http://collector:4318/v1/logs", headers: {} },
      sampler: "parentbased_traceidratio",
      samplerRatio: 0.01,
      spanBatch: { maxQueueSize: 2_048 },
      resourceAttributes: { b: "2" },
    });
    expect(options.problems).toEqual([
      'Cannot use OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" is not an http:// or https:// URL',
      'Cannot use OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" is not http/protobuf or http/json; HTTP is used',
      "Cannot use OTEL_EXPORTER_OTLP_HEADERS: one of its values is not key=value; it is ignored",
      'Cannot use OTEL_TRACES_SAMPLER: "sometimes" is not one of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio; parentbased_traceidratio is used',
      'Cannot use OTEL_TRACES_SAMPLER_ARG: "7" is not a number from 0 to 1; 0.01 is used',
      'Cannot use OTEL_BSP_MAX_QUEUE_SIZE: "many" is not a number from 1 to 1000000; 2048 is used',
      'Cannot use OTEL_RESOURCE_ATTRIBUTES: "a=%zz" is not key=value; it is ignored',
    ]);
  });
});
