/**
 * Telemetry of a process: sets up the OpenTelemetry SDK from the standard `OTEL_…` variables. Metrics are
 * always available for `/metrics`; traces and logs are exported only if a variable names an endpoint.
 *
 * @module
 */

import { resourceFromAttributes } from "@opentelemetry/resources";
import { systemTime, type TimeSource } from "../replication/mod.ts";
import { PROMETHEUS_TYPE, toPrometheusText } from "./_prometheus_text.ts";
import type { TelemetryBackend } from "./backend.ts";
import type { LogFields } from "./event_log.ts";
import { ExportWatch } from "./export_watch.ts";
import { emitRecord } from "./logs.ts";
import { MetricSet } from "./metric_set.ts";
import { OPENMETRICS_TYPE, toOpenMetrics } from "./openmetrics.ts";
import { parseTelemetryOptions } from "./options.ts";
import { measureProcess, type ProcessMeter } from "./process_metrics.ts";
import {
  ATTR_MACHINE_ID,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_SERVICE_NAMESPACE,
  ATTR_SERVICE_VERSION,
  ATTR_TREE_LEVEL,
  ATTR_TREE_PARENT,
  SERVICE_NAMES,
  SERVICE_NAMESPACE,
} from "./semconv.ts";

export interface TelemetrySetup {
  /** Environment variables of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly node: {
    readonly name: string;
    readonly role: keyof typeof SERVICE_NAMES;
    readonly version: string;
    /** Configured upstream addresses; empty on the root. */
    readonly parents: readonly string[];
  };
  readonly meter?: ProcessMeter;
  readonly time?: TimeSource;
  /** Receives problems of telemetry itself: once when a problem begins, once when it ends. */
  readonly onProblem: (message: string, fields: LogFields) => void;
}

/** How long exports wait until the node knows its level. */
const LEVEL_WAIT_MS = 1_000;
/** How long a shutdown waits for queued items to be sent. */
const SHUTDOWN_MS = 500;
/** The same, if the collector is known to fail or not to respond. */
const STUCK_SHUTDOWN_MS = 100;

/** Levels in the default tree, used while a node does not know its path to the root. */
const LEVELS = { root: 0, relay: 1, leaf: 2 } as const;

export type { TelemetryBackend } from "./backend.ts";

/** Starts telemetry. Never rejects because of a variable's value. */
export async function startTelemetry(setup: TelemetrySetup): Promise<TelemetryBackend> {
  const { env, node, meter, time = systemTime, onProblem } = setup;
  const options = parseTelemetryOptions(env);
  for (const problem of options.problems) onProblem("telemetry variable ignored", { problem });

  let level: number = LEVELS[node.role];
  let machineId: string | undefined;
  const known = Promise.withResolvers<void>();
  const cancelWait = time.setTimer(LEVEL_WAIT_MS, known.resolve);
  const attributes = {
    ...options.resourceAttributes,
    [ATTR_SERVICE_NAME]: options.serviceName ?? SERVICE_NAMES[node.role],
    [ATTR_SERVICE_NAMESPACE]: SERVICE_NAMESPACE,
    [ATTR_SERVICE_INSTANCE_ID]: node.name,
    [ATTR_SERVICE_VERSION]: node.version,
    ...(node.parents.length > 0 && { [ATTR_TREE_PARENT]: node.parents.join(",") }),
  };

  const metrics = new MetricSet();
  if (meter !== undefined) measureProcess(metrics, meter);
  const watch = new ExportWatch(metrics, time, onProblem);

  const isSending = options.traces !== undefined || options.logs !== undefined;
  const sdk = isSending ? await import("./_otlp_signals.ts") : undefined;
  const resource = resourceFromAttributes({
    ...attributes,
    [ATTR_MACHINE_ID]: known.promise.then(() => machineId),
    [ATTR_TREE_LEVEL]: known.promise.then(() => level),
  });
  const traces = options.traces && sdk?.createTraces(options.traces, options, resource, watch);
  const logs = options.logs && sdk?.createLogs(options.logs, options, resource, watch);
  if (traces !== undefined) watch.expect("traces");
  if (logs !== undefined) watch.expect("logs");

  return {
    metrics,
    tracers: traces,
    renderMetrics(accept = "") {
      const collected = metrics.collect();
      const text = toPrometheusText(collected, {
        ...attributes,
        [ATTR_TREE_LEVEL]: level,
        ...(machineId !== undefined && { [ATTR_MACHINE_ID]: machineId }),
      });
      return accept.includes("application/openmetrics-text")
        ? { body: toOpenMetrics(text, collected), contentType: OPENMETRICS_TYPE }
        : { body: text, contentType: PROMETHEUS_TYPE };
    },
    emitLog(record) {
      if (logs !== undefined) emitRecord(logs.logger, record);
    },
    setMachineId(id) {
      machineId = id;
    },
    setLevel(newLevel) {
      level = newLevel;
      cancelWait();
      known.resolve();
    },
    async shutdown() {
      cancelWait();
      known.resolve();
      meter?.close();
      const sent = Promise.allSettled([traces?.shutdown(), logs?.shutdown()]);
      const over = Promise.withResolvers<void>();
      const cancel = time.setTimer(watch.isStuck ? STUCK_SHUTDOWN_MS : SHUTDOWN_MS, over.resolve);
      await Promise.race([sent, over.promise]);
      cancel();
    },
  };
}
