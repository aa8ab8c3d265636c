/**
 * The SDK's part of traces and logs: providers that batch items and send them over OTLP/HTTP. Loaded only
 * if an endpoint is configured. Queues are bounded and drop the excess, so a collector that is unreachable,
 * slow or failing does not affect the node.
 */

import type { Logger } from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import type { Resource } from "@opentelemetry/resources";
import {
  BatchLogRecordProcessor,
  LoggerProvider,
  type LogRecordExporter,
  type ReadableLogRecord,
} from "@opentelemetry/sdk-logs";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Tracers } from "./backend.ts";
import type { ExportWatch, Signal } from "./export_watch.ts";
import type { BatchOptions, OtlpEndpoint, TelemetryOptions } from "./options.ts";
import { SERVICE_NAMESPACE } from "./semconv.ts";

interface Sender {
  /** Sends what is queued, then stops. */
  shutdown(): Promise<void>;
}

export function createTraces(
  endpoint: OtlpEndpoint,
  options: TelemetryOptions,
  resource: Resource,
  watch: ExportWatch,
): Sender & Tracers {
  const exporter = watched<ReadableSpan>(
    new OTLPTraceExporter(toExporterConfig(endpoint)),
    "traces",
    watch,
  ) as SpanExporter;
  const processor = new BatchSpanProcessor({ exporter, ...toBatchConfig(options.spanBatch) });
  const createTracers = (sampler: Sampler) =>
    new TracerProvider({ resource, sampler, spanProcessors: [processor] });
  const provider = createTracers(createSampler(options));
  const rootProvider = createTracers(new AlwaysOnSampler());
  return {
    tracer: provider.getTracer(SERVICE_NAMESPACE),
    rootTracer: rootProvider.getTracer(SERVICE_NAMESPACE),
    rootRatio: toRootRatio(options),
    shutdown: () => provider.shutdown(),
  };
}

export function createLogs(
  endpoint: OtlpEndpoint,
  options: TelemetryOptions,
  resource: Resource,
  watch: ExportWatch,
): Sender & { readonly logger: Logger } {
  const exporter = watched<ReadableLogRecord>(
    new OTLPLogExporter(toExporterConfig(endpoint)),
    "logs",
    watch,
  ) as LogRecordExporter;
  const provider = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter, ...toBatchConfig(options.logBatch) })],
  });
  return {
    logger: provider.getLogger(SERVICE_NAMESPACE),
    shutdown: () => provider.shutdown(),
  };
}

/** Returns the probability with which the sampler keeps a trace that begins here. */
function toRootRatio({ sampler, samplerRatio }: TelemetryOptions): number {
  if (sampler.endsWith("traceidratio")) return samplerRatio;
  return sampler.endsWith("always_on") ? 1 : 0;
}

function createSampler({ sampler, samplerRatio }: TelemetryOptions): Sampler {
  const byName = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(samplerRatio),
  };
  const root = byName[sampler.replace("parentbased_", "") as keyof typeof byName]();
  return sampler.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root;
}

function toExporterConfig({ url, headers, timeoutMs, compression }: OtlpEndpoint) {
  // The exporters' type is an enum of their own, whose values are these strings.
  return { url, headers, timeoutMillis: timeoutMs, compression: compression as never };
}

function toBatchConfig(batch: BatchOptions) {
  return {
    scheduledDelayMillis: batch.scheduleDelayMs,
    exportTimeoutMillis: batch.exportTimeoutMs,
    maxQueueSize: batch.maxQueueSize,
    maxExportBatchSize: batch.maxExportBatchSize,
  };
}

interface Exporter<T> {
  export(items: T[], done: (result: ExportResult) => void): void;
  forceFlush?(): Promise<void>;
  shutdown(): Promise<void>;
}

/** Wraps an exporter so that each export is watched. */
function watched<T>(exporter: Exporter<T>, signal: Signal, watch: ExportWatch): Exporter<T> {
  return {
    export(items, done) {
      const end = watch.start(signal);
      exporter.export(items, (result) => {
        const isOk = result.code === ExportResultCode.SUCCESS;
        end(items.length, isOk ? undefined : (result.error ?? new Error("unknown")));
        done(result);
      });
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  };
}
