/** What the parts of a node's telemetry share, with metrics, spans and log records kept in memory, for tests. */

import type { TimeSource } from "../replication/mod.ts";
import { MetricSet } from "../telemetry/mod.ts";
import type { TelemetryServices } from "../telemetry/services.ts";
import { Tracing } from "../telemetry/tracing.ts";
import { createSpanRecorder, type SpanRecorder } from "./span_recorder.ts";

interface ServicesOptions {
  /** Default true. */
  readonly traces?: boolean | undefined;
  /** Whether traces that begin here are kept. Default false. */
  readonly keepsRoots?: boolean | undefined;
  /** Most detailed level that is logged. Default `info`. */
  readonly level?: "info" | "debug" | undefined;
}

interface RecordedServices extends TelemetryServices {
  readonly recorder: SpanRecorder;
  readonly records: {
    readonly level: string;
    readonly message: string;
    readonly fields: object | undefined;
    readonly traceContext: Uint8Array | undefined;
  }[];
}

export function createTelemetryServices(
  time: TimeSource,
  { traces = true, keepsRoots = false, level = "info" }: ServicesOptions = {},
): RecordedServices {
  const recorder = createSpanRecorder(keepsRoots);
  const records: RecordedServices["records"] = [];
  const enabled = (of: string) => of === "info" || of === level;
  const write = (of: string) => (message: string, fields?: object, traceContext?: Uint8Array) => {
    if (enabled(of)) records.push({ level: of, message, fields, traceContext });
  };
  return {
    recorder,
    records,
    metrics: new MetricSet(),
    tracing: traces ? new Tracing(recorder.tracers, time) : undefined,
    log: { info: write("info"), debug: write("debug"), trace: write("trace"), enabled },
    time,
    machineId: "flights",
  };
}
