/** Telemetry of a machine without a tree, by the user's own meter, tracer and logger. */

import type { Meter, Tracer } from "@opentelemetry/api";
import type { Machine } from "../machine/mod.ts";
import { systemTime, type TimeSource } from "../replication/mod.ts";
import type { EventLog } from "./event_log.ts";
import { emitRecord, type RecordLogger, takesRecords } from "./logs.ts";
import { MachineTelemetry } from "./machine_telemetry.ts";
import { MeterCells } from "./meter_cells.ts";
import { MetricSet } from "./metric_set.ts";
import { ATTR_MACHINE_ID, METRIC_STATES_ACTIVE, METRIC_STATES_KNOWN } from "./semconv.ts";
import { Tracing } from "./tracing.ts";

/** Objects of the OpenTelemetry API. What is absent is not made; one must be there. */
export interface ObserveOptions {
  /** Makes the metrics of `semconv.ts` whose names begin with `machine.`; each series has the attribute `machine.id`. */
  readonly meter?: Meter;
  /** Makes a span of each transition that its sampler keeps, and of the handler calls in it. */
  readonly tracer?: Tracer;
  /** Receives a record of each transition: level info with a span, otherwise level debug, if it is enabled now. */
  readonly logger?: RecordLogger;
  /** Default: the time of this process. */
  readonly time?: TimeSource;
}

/**
 * Measures, traces and logs a machine from now on, with the names and attributes of `semconv.ts`. Several
 * machines may share meter, tracer and logger: `machine.id` tells them apart. Returns a function that ends it.
 *
 * The span of a transition is the child of the trace context in the mutation's `context` (25 bytes), of the transition
 * that made the mutation, or of the span that is active when the mutation is made, in this order. A handler's
 * own code runs in the context of the mutation's caller.
 *
 * Throws `TypeError` if an option is not an object of OpenTelemetry, or if there is none.
 */
export function observeMachine<N extends string, A>(
  machine: Machine<N, A>,
  { meter, tracer, logger, time = systemTime }: ObserveOptions,
): () => void {
  checkOptions(machine.id, { meter, tracer, logger });
  const observed = machine as unknown as Machine;
  const cells = meter && new MeterCells(meter, { [ATTR_MACHINE_ID]: machine.id });
  const telemetry = new MachineTelemetry({
    metrics: cells ?? new MetricSet(),
    tracing: tracer && createTracing(tracer, time),
    log: createLog(logger, time),
    time,
  });
  const unfollow = telemetry.follow(observed);
  const uncount = observed.onError(() => telemetry.countError());
  cells?.observe(METRIC_STATES_ACTIVE, (report) => report(observed.activeStates().length));
  cells?.observe(METRIC_STATES_KNOWN, (report) => report(observed.names.length));
  return () => {
    unfollow();
    uncount();
    cells?.end();
  };
}

/** The method that each option must have. */
const METHODS = { meter: "createCounter", tracer: "startSpan", logger: "emit" } as const;

function checkOptions(id: string, options: Record<keyof typeof METHODS, unknown>): void {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  if (given.length === 0) {
    throw new TypeError(
      `Cannot observe machine "${id}": give a meter, a tracer or a logger of OpenTelemetry`,
    );
  }
  for (const [name, value] of given) {
    const method = METHODS[name as keyof typeof METHODS];
    if (typeof (value as Record<string, unknown> | null)?.[method] === "function") continue;
    throw new TypeError(
      `Cannot observe machine "${id}": its ${name} has no method "${method}", so it is not one of OpenTelemetry`,
    );
  }
}

/** The user's sampler decides about every trace. */
function createTracing(tracer: Tracer, time: TimeSource): Tracing {
  const tracers = { tracer, rootTracer: tracer, rootRatio: 1, usesActiveContext: true };
  return new Tracing(tracers, time);
}

function createLog(logger: RecordLogger | undefined, time: TimeSource): EventLog {
  const write =
    (level: "info" | "debug" | "trace"): EventLog["info"] =>
    (message, fields = {}, traceContext) => {
      if (logger !== undefined)
        emitRecord(logger, { timeMs: time.now(), level, message, fields, traceContext });
    };
  return {
    info: write("info"),
    debug: write("debug"),
    trace: write("trace"),
    enabled: (level) => logger !== undefined && takesRecords(logger, level),
  };
}
