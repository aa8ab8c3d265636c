/**
 * Telemetry turns the events of the machine, replication and the HTTP API into metrics, spans and log
 * records. It implements their tracer interfaces; no other folder knows OpenTelemetry. `setup.ts` is a
 * second entry, so that only a process that exports telemetry loads the SDK. See README.md.
 *
 * A program without a tree calls `observeMachine(machine, { meter, tracer, logger })`.
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

// For sibling folders.
export type { TelemetryBackend, Tracers } from "./backend.ts";
export type { EventLog, LogFields } from "./event_log.ts";
export type { NodeLogRecord } from "./logs.ts";
export { MetricSet } from "./metric_set.ts";
export { NodeTelemetry, type NodeTelemetryOptions } from "./node_telemetry.ts";
export { type ObserveOptions, observeMachine } from "./observe_machine.ts";
export type { GcType, ProcessMeter, ProcessReading } from "./process_metrics.ts";
