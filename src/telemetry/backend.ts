/** Where a node's telemetry goes. `setup.ts` creates it for the process. */

import type { Tracer } from "@opentelemetry/api";
import type { NodeLogRecord } from "./logs.ts";
import type { MetricSet } from "./metric_set.ts";

/** Where spans are made. */
export interface Tracers {
  /** Applies the configured sampler: for spans that have a parent or are rare. */
  readonly tracer: Tracer;
  /** Probability, 0 to 1, with which a trace that begins on this node is kept. */
  readonly rootRatio: number;
  /** Records every span: for traces that were chosen by `rootRatio`. */
  readonly rootTracer: Tracer;
  /**
   * Whether a trace that would begin continues the span of OpenTelemetry's active context. Default false:
   * a node keeps no context, it travels with the data.
   */
  readonly usesActiveContext?: boolean;
}

export interface TelemetryBackend {
  readonly metrics: MetricSet;
  /** Undefined if no traces are exported. */
  readonly tracers: Tracers | undefined;
  /**
   * Returns the current metrics in the format that an `accept` header names: OpenMetrics, with
   * exemplars, or Prometheus text.
   */
  renderMetrics(accept?: string | undefined): {
    readonly body: string;
    readonly contentType: string;
  };
  /** Sends a record, if log records are exported. */
  emitLog(record: NodeLogRecord): void;
  /** Sets the id of the machine at the root. Call it before {@linkcode setLevel}, and after each change. */
  setMachineId(id: string): void;
  /** Sets the number of hops from the root. */
  setLevel(level: number): void;
  /** Sends what is queued, for half a second at most. Never rejects. */
  shutdown(): Promise<void>;
}
