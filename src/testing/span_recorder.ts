/** Spans kept in memory, by the real SDK, for tests. */

import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  InMemorySpanExporter,
  ParentBasedSampler,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Tracers } from "../telemetry/mod.ts";

export interface SpanRecorder {
  readonly tracers: Tracers;
  /** Ended spans, in the order in which they ended. */
  readonly spans: readonly ReadableSpan[];
}

/** Records traces with a sampled parent, and with `keepsRoots` also traces that begin here. */
export function createSpanRecorder(keepsRoots = true): SpanRecorder {
  const exporter = new InMemorySpanExporter();
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  const root = keepsRoots ? new AlwaysOnSampler() : new AlwaysOffSampler();
  const provider = new TracerProvider({
    sampler: new ParentBasedSampler({ root }),
    spanProcessors,
  });
  const rootProvider = new TracerProvider({ sampler: new AlwaysOnSampler(), spanProcessors });
  return {
    tracers: {
      tracer: provider.getTracer("test"),
      rootTracer: rootProvider.getTracer("test"),
      rootRatio: keepsRoots ? 1 : 0,
    },
    get spans() {
      return exporter.getFinishedSpans();
    },
  };
}

/** A trace context as from another process. */
export function createContext(byte: number, isSampled = true): Uint8Array {
  const context = new Uint8Array(25).fill(byte);
  context[24] = isSampled ? 1 : 0;
  return context;
}

/** The values above 0 in a metric set, by name and attribute values; histograms as count and sum. */
export function readMetrics(metrics: {
  collect(): readonly {
    readonly definition: { readonly name: string };
    readonly points: readonly {
      readonly attributes: Readonly<Record<string, string>>;
      readonly value: number | { readonly count: number; readonly sum: number };
    }[];
  }[];
}): Record<string, number | { count: number; sum: number }> {
  const values: Record<string, number | { count: number; sum: number }> = {};
  for (const { definition, points } of metrics.collect()) {
    for (const { attributes, value } of points) {
      const key = [definition.name, ...Object.values(attributes)].join(" ");
      if (typeof value === "number") {
        if (value !== 0) values[key] = value;
      } else if (value.count > 0) {
        values[key] = { count: value.count, sum: Number(value.sum.toFixed(6)) };
      }
    }
  }
  return values;
}
