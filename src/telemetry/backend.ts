/** What a process gives its node to be observed by; `setup.ts` makes it. */

import type { Tracer } from "@opentelemetry/api";
import type { NodeLogRecord } from "./logs.ts";
import type { MetricSet } from "./metric_set.ts";

/** Where spans are made. */
export interface Tracers {
  /** Decides by its sampler, for whatever has a parent or is rare. */
  readonly tracer: Tracer;
  /** For traces that begin at a place where most are not kept: each is kept with this probability, 0 to 1, … */
  readonly rootRatio: number;
  /** … and begun by this one, which keeps what it is asked for. */
  readonly rootTracer: Tracer;
}

export interface TelemetryBackend {
  readonly metrics: MetricSet;
  /** Undefined where traces go nowhere. */
  readonly tracers: Tracers | undefined;
  /**
   * The metrics now, in the format that an `accept` header asks for: OpenMetrics, with exemplars, or
   * Prometheus text.
   */
  renderMetrics(accept?: string | undefined): {
    readonly body: string;
    readonly contentType: string;
  };
  /** Sends a record, if records go anywhere. */
  emitLog(record: NodeLogRecord): void;
  /** Hops from the root, once they are known and whenever they change. */
  setLevel(level: number): void;
  /** Sends what waits, for half a second at most. Never rejects. */
  shutdown(): Promise<void>;
}
