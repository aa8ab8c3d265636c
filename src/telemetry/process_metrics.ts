/** Metrics of the process, from what its runtime can tell. */

import type { MetricSet } from "./metric_set.ts";
import {
  METRIC_CPU_TIME,
  METRIC_EVENTLOOP_DELAY_MAX,
  METRIC_EVENTLOOP_DELAY_P50,
  METRIC_EVENTLOOP_DELAY_P99,
  METRIC_EVENTLOOP_UTILIZATION,
  METRIC_GC_DURATION,
  METRIC_HEAP_LIMIT,
  METRIC_HEAP_USED,
  METRIC_MEMORY_USAGE,
  METRIC_UPTIME,
} from "./semconv.ts";

/** Kinds of garbage collection by the semantic conventions. */
export type GcType = "major" | "minor" | "incremental" | "weakcb";

/** Numbers now; undefined for what the runtime cannot tell. */
export interface ProcessReading {
  readonly uptimeSeconds: number;
  readonly memoryBytes: number;
  readonly heapUsedBytes: number | undefined;
  readonly heapLimitBytes: number | undefined;
  readonly cpuUserSeconds: number | undefined;
  readonly cpuSystemSeconds: number | undefined;
  /** Of the last seconds. */
  readonly eventLoop:
    | {
        /** Busy part, 0 to 1; undefined if unknown. */
        readonly utilization: number | undefined;
        readonly delayP50Seconds: number;
        readonly delayP99Seconds: number;
        readonly delayMaxSeconds: number;
      }
    | undefined;
}

/** What a runtime offers to be measured by. */
export interface ProcessMeter {
  read(): ProcessReading;
  /** Calls `listener` after each garbage collection, where the runtime tells. */
  onGc(listener: (type: GcType, seconds: number) => void): void;
  /** Stops measuring. */
  close(): void;
}

export function measureProcess(metrics: MetricSet, meter: ProcessMeter): void {
  const collections = metrics.histograms(METRIC_GC_DURATION);
  meter.onGc((type, seconds) => collections.at(type).record(seconds));
  const gauge = (
    definition: Parameters<MetricSet["observe"]>[0],
    pick: (reading: ProcessReading) => number | undefined,
  ) =>
    metrics.observe(definition, (report) => {
      const value = pick(meter.read());
      if (value !== undefined) report(value);
    });
  gauge(METRIC_EVENTLOOP_UTILIZATION, ({ eventLoop }) => eventLoop?.utilization);
  gauge(METRIC_EVENTLOOP_DELAY_P50, ({ eventLoop }) => eventLoop?.delayP50Seconds);
  gauge(METRIC_EVENTLOOP_DELAY_P99, ({ eventLoop }) => eventLoop?.delayP99Seconds);
  gauge(METRIC_EVENTLOOP_DELAY_MAX, ({ eventLoop }) => eventLoop?.delayMaxSeconds);
  gauge(METRIC_HEAP_USED, ({ heapUsedBytes }) => heapUsedBytes);
  gauge(METRIC_HEAP_LIMIT, ({ heapLimitBytes }) => heapLimitBytes);
  gauge(METRIC_MEMORY_USAGE, ({ memoryBytes }) => memoryBytes);
  gauge(METRIC_UPTIME, ({ uptimeSeconds }) => uptimeSeconds);
  metrics.observe(METRIC_CPU_TIME, (report) => {
    const { cpuUserSeconds, cpuSystemSeconds } = meter.read();
    if (cpuUserSeconds !== undefined) report(cpuUserSeconds, "user");
    if (cpuSystemSeconds !== undefined) report(cpuSystemSeconds, "system");
  });
}
