/**
 * Measurements of the process, by the `node:` modules that Node.js, Deno and Bun share. A value that
 * a runtime lacks is left out.
 */

import {
  constants,
  monitorEventLoopDelay,
  PerformanceObserver,
  performance,
} from "node:perf_hooks";
import process from "node:process";
import { getHeapStatistics } from "node:v8";
import type { GcType, ProcessMeter, ProcessReading } from "../telemetry/mod.ts";

/** Interval and resolution of the samples of the event loop's delay, in milliseconds. */
const RESOLUTION_MS = 10;
/** Readings within this time are the same, so that all metrics of one collection are of one moment. */
const SAME_MS = 1_000;

const GC_TYPES = new Map<number, GcType>([
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weakcb"],
]);

/** Starts to measure this process. */
export function createProcessMeter(): ProcessMeter {
  const closers: (() => void)[] = [];
  const readLoop = createLoopReader((close) => closers.push(close));
  let last: { readonly atMs: number; readonly reading: ProcessReading } | undefined;
  return {
    read() {
      const nowMs = performance.now();
      if (last === undefined || nowMs - last.atMs >= SAME_MS)
        last = { atMs: nowMs, reading: { ...readProcess(), eventLoop: readLoop() } };
      return last.reading;
    },
    onGc(listener) {
      const observer = attempt(() => {
        const made = new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) {
            const { detail } = entry as { detail?: { kind?: number } };
            const type = GC_TYPES.get(detail?.kind ?? -1);
            if (type !== undefined) listener(type, entry.duration / 1000);
          }
        });
        made.observe({ entryTypes: ["gc"] });
        return made;
      });
      if (observer !== undefined) closers.push(() => observer.disconnect());
    },
    close() {
      for (const close of closers.splice(0)) close();
    },
  };
}

function readProcess(): Omit<ProcessReading, "eventLoop"> {
  const cpu = attempt(() => process.cpuUsage());
  const heap = attempt(getHeapStatistics);
  return {
    uptimeSeconds: process.uptime(),
    memoryBytes: process.memoryUsage.rss(),
    heapUsedBytes: heap?.used_heap_size,
    heapLimitBytes: heap?.heap_size_limit,
    cpuUserSeconds: cpu && cpu.user / 1e6,
    cpuSystemSeconds: cpu && cpu.system / 1e6,
  };
}

/** Returns a function that reads the event loop since its last call. */
function createLoopReader(onClose: (close: () => void) => void): () => ProcessReading["eventLoop"] {
  const delay = attempt(() => {
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    return histogram;
  });
  if (delay === undefined) return () => undefined;
  onClose(() => delay.disable());
  let before = attempt(() => performance.eventLoopUtilization());
  // The percentiles of a histogram without samples are meaningless; a sample includes the resolution.
  const seconds = (ns: number) =>
    delay.count > 0 ? Math.max(0, ns / 1e9 - RESOLUTION_MS / 1e3) : 0;
  return () => {
    const now = attempt(() => performance.eventLoopUtilization());
    // On Deno and Bun, the function measures nothing.
    const isMeasured = now !== undefined && now.idle + now.active > 0;
    const utilization =
      isMeasured && before ? performance.eventLoopUtilization(now, before).utilization : undefined;
    before = now;
    const reading = {
      utilization,
      delayP50Seconds: seconds(delay.percentile(50)),
      delayP99Seconds: seconds(delay.percentile(99)),
      delayMaxSeconds: seconds(delay.max),
    };
    delay.reset();
    return reading;
  };
}

/** Undefined if the runtime throws because it lacks the function. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
