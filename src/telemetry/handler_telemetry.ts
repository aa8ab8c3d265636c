/** Metrics and spans of local handlers on a relay or leaf. A call's parent is the span that applied its change. */

import { SpanKind } from "@opentelemetry/api";
import type { HandlerTracer, ReplicaEvent, ReplicaMachine } from "../replica_machine/mod.ts";
import { isSampled } from "../replication/mod.ts";
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
import type { TelemetryServices } from "./services.ts";
import type { TracedSpan } from "./tracing.ts";

type Services = Pick<TelemetryServices, "metrics" | "tracing" | "time" | "machineId">;

/** A handler that is running. */
interface Running {
  readonly startedAtMs: number;
  readonly span: TracedSpan | undefined;
}

export class HandlerTelemetry implements HandlerTracer {
  readonly #services: Services;
  readonly #durations;
  readonly #errors;
  readonly #running = new WeakMap<ReplicaEvent, Running>();

  constructor(services: Services) {
    this.#services = services;
    this.#durations = services.metrics.histogram(METRIC_HANDLER_DURATION);
    this.#errors = services.metrics.counter(METRIC_ERRORS);
  }

  /** Measures the machine's open waits. Call it once. */
  follow(machine: ReplicaMachine): void {
    this.#services.metrics.observe(METRIC_SUBSCRIPTIONS, (report) => report(machine.waitCount));
  }

  handlerStart(event: ReplicaEvent, bindingId: string): void {
    const span = this.#start(event, bindingId);
    this.#running.set(event, { startedAtMs: this.#services.time.monotonic(), span });
  }

  handlerEnd(event: ReplicaEvent, _bindingId: string, error: Error | undefined): void {
    const running = this.#running.get(event);
    if (running === undefined) return;
    const { startedAtMs, span } = running;
    const { time } = this.#services;
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

  /** Starts a span if the change holds traced transitions: the last one is its parent, the others are links. */
  #start({ name, change }: ReplicaEvent, bindingId: string): TracedSpan | undefined {
    const { tracing, machineId } = this.#services;
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
