/** Metrics of the process, as far as its runtime provides them. */

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
  type MetricDefinition,
} from "./semconv.ts";

/** Types of garbage collection, by the semantic conventions. */
export type GcType = "major" | "minor" | "incremental" | "weakcb";

/** Current values; undefined where the runtime provides none. */
export interface ProcessReading {
  readonly uptimeSeconds: number;
  readonly memoryBytes: number;
  readonly heapUsedBytes: number | undefined;
  readonly heapLimitBytes: number | undefined;
  readonly cpuUserSeconds: number | undefined;
  readonly cpuSystemSeconds: number | undefined;
  /** Over the last seconds. */
  readonly eventLoop:
    | {
        /** Busy fraction, 0 to 1; undefined if unknown. */
        readonly utilization: number | undefined;
        readonly delayP50Seconds: number;
        readonly delayP99Seconds: number;
        readonly delayMaxSeconds: number;
      }
    | undefined;
}

/** What a runtime implements so that its process can be measured. */
export interface ProcessMeter {
  read(): ProcessReading;
  /** Calls `listener` after each garbage collection, where the runtime reports them. */
  onGc(listener: (type: GcType, seconds: number) => void): void;
  /** Stops measuring. */
  close(): void;
}

export function measureProcess(metrics: MetricSet, meter: ProcessMeter): void {
  const collections = metrics.histograms(METRIC_GC_DURATION);
  meter.onGc((type, seconds) => collections.at(type).record(seconds));
  // NaN leaves a value out.
  const gauge = (
    definition: MetricDefinition,
    pick: (reading: ProcessReading) => number | undefined,
  ) => metrics.observe(definition, (report) => report(pick(meter.read()) ?? Number.NaN));
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
    report(cpuUserSeconds ?? Number.NaN, "user");
    report(cpuSystemSeconds ?? Number.NaN, "system");
  });
}
