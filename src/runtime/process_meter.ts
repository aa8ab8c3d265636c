/**
 * What Node.js, Deno and Bun tell about their process, by the `node:` modules that all three have.
 * What one of them lacks is left out.
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

/** How often the event loop's delay is sampled, in milliseconds; a sample cannot be finer. */
const RESOLUTION_MS = 10;
/** Readings within this time are the same, so that one collection is about one moment. */
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

/** Reads the event loop since the reading before. */
function createLoopReader(onClose: (close: () => void) => void): () => ProcessReading["eventLoop"] {
  const delay = attempt(() => {
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    histogram.enable();
    return histogram;
  });
  if (delay === undefined) return () => undefined;
  onClose(() => delay.disable());
  let before = attempt(() => performance.eventLoopUtilization());
  // A histogram without a sample yet has no percentiles but nonsense; its samples begin at the resolution.
  const seconds = (ns: number) =>
    delay.count > 0 ? Math.max(0, ns / 1e9 - RESOLUTION_MS / 1e3) : 0;
  return () => {
    const now = attempt(() => performance.eventLoopUtilization());
    // Deno and Bun have the function, which measures nothing there.
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

/** Undefined where the runtime has no such thing. */
function attempt<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch {
    return undefined;
  }
}
