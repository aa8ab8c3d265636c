/**
 * Telemetry: turns what machine, replication and HTTP API do into metrics, spans and log records. It
 * implements their hooks, and nothing else knows OpenTelemetry; the SDK itself is in `setup.ts`.
 *
 * ```ts
 * const telemetry = new NodeTelemetry({ backend, log, time, machineId: "flights", … });
 * const tracer = telemetry.createMachineTelemetry();
 * const source = createSource(machine, { tracer });
 * tracer.follow(machine, source.clock);
 * ```
 *
 * @module
 */

export type { TelemetryBackend, Tracers } from "./backend.ts";
export type { EventLog, LogFields } from "./event_log.ts";
export type { NodeLogRecord } from "./logs.ts";
export { MachineTelemetry, type MachineTelemetryOptions } from "./machine_telemetry.ts";
export { type Counter, Family, MetricSet } from "./metric_set.ts";
export { NodeTelemetry, type NodeTelemetryOptions } from "./node_telemetry.ts";
export type { GcType, ProcessMeter, ProcessReading } from "./process_metrics.ts";
export { Tracing } from "./tracing.ts";
