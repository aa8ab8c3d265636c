/** Handlers on a relay or leaf as metrics and spans: each call stands under the span that applied what it is told of. */

import { SpanKind } from "@opentelemetry/api";
import type { HandlerTracer, ReplicaEvent, ReplicaMachine } from "../replica_machine/mod.ts";
import { isSampled, type TimeSource } from "../replication/mod.ts";
import type { MetricSet } from "./metric_set.ts";
import {
  ATTR_HANDLER_BINDING,
  ATTR_HANDLER_NAME,
  ATTR_MACHINE_ID,
  ATTR_SEQ,
  ATTR_SEQ_BEFORE,
  ATTR_VERSION,
  METRIC_ERRORS,
  METRIC_HANDLER_DURATION,
  METRIC_SUBSCRIPTIONS,
  SPAN_HANDLER,
} from "./semconv.ts";
import type { TracedSpan, Tracing } from "./tracing.ts";

export interface HandlerTelemetryOptions {
  readonly metrics: MetricSet;
  /** Undefined: nothing is traced here. */
  readonly tracing: Tracing | undefined;
  readonly time: TimeSource;
  readonly machineId: string;
}

/** A handler under way. */
interface Running {
  readonly startedAtMs: number;
  readonly span: TracedSpan | undefined;
}

export class HandlerTelemetry implements HandlerTracer {
  readonly #options: HandlerTelemetryOptions;
  readonly #durations;
  readonly #errors;
  readonly #running = new WeakMap<ReplicaEvent, Running>();

  constructor(options: HandlerTelemetryOptions) {
    this.#options = options;
    this.#durations = options.metrics.histogram(METRIC_HANDLER_DURATION);
    this.#errors = options.metrics.counter(METRIC_ERRORS);
  }

  /** Reads the machine's open waits from now on. To be called once. */
  follow(machine: ReplicaMachine): void {
    this.#options.metrics.observe(METRIC_SUBSCRIPTIONS, (report) => report(machine.waitCount));
  }

  handlerStart(event: ReplicaEvent, bindingId: string): void {
    const span = this.#start(event, bindingId);
    this.#running.set(event, { startedAtMs: this.#options.time.monotonic(), span });
  }

  handlerEnd(event: ReplicaEvent, _bindingId: string, error: Error | undefined): void {
    const running = this.#running.get(event);
    if (running === undefined) return;
    const { startedAtMs, span } = running;
    const { time } = this.#options;
    const seconds = (time.monotonic() - startedAtMs) / 1000;
    if (error !== undefined) this.#errors.value++;
    if (span === undefined) {
      this.#durations.record(seconds);
      return;
    }
    this.#durations.recordTraced(seconds, span.context, time.now());
    if (error !== undefined) span.fail(error.name, error.message);
    span.end();
  }

  /** A span, if a transition that the handler is told of is traced; under the last of them, with links to the others. */
  #start({ name, change }: ReplicaEvent, bindingId: string): TracedSpan | undefined {
    const { tracing, machineId } = this.#options;
    const sampled = change.traceContexts.filter(isSampled);
    const parent = sampled.pop();
    if (tracing === undefined || parent === undefined) return undefined;
    return tracing.start(SPAN_HANDLER, {
      kind: SpanKind.INTERNAL,
      parent,
      links: sampled,
      attributes: {
        [ATTR_HANDLER_NAME]: name,
        [ATTR_HANDLER_BINDING]: bindingId,
        [ATTR_MACHINE_ID]: machineId,
        [ATTR_SEQ_BEFORE]: change.seqBefore,
        [ATTR_SEQ]: change.seq,
        [ATTR_VERSION]: `${change.epoch}-${change.seq}`,
      },
    });
  }
}
