/** A node's log records as OpenTelemetry's. */

import { type Logger, ROOT_CONTEXT, SeverityNumber, trace } from "@opentelemetry/api";
import type { LogFields } from "./event_log.ts";
import { ATTR_EVENT_NAME } from "./semconv.ts";
import { toSpanContext } from "./trace_context.ts";

/** A log record of a node. */
export interface NodeLogRecord {
  readonly timeMs: number;
  readonly level: "error" | "warn" | "info" | "debug" | "trace";
  /** What happened, in words that stay the same from record to record. */
  readonly message: string;
  readonly fields: LogFields;
  readonly traceContext?: Uint8Array | undefined;
}

const SEVERITIES = {
  error: SeverityNumber.ERROR,
  warn: SeverityNumber.WARN,
  info: SeverityNumber.INFO,
  debug: SeverityNumber.DEBUG,
  trace: SeverityNumber.TRACE,
} as const;

export function emitRecord(logger: Logger, record: NodeLogRecord): void {
  const { timeMs, level, message, fields, traceContext } = record;
  const eventName = toEventName(message);
  const attributes: Record<string, string | number | boolean> = { [ATTR_EVENT_NAME]: eventName };
  for (const [key, value] of Object.entries(fields))
    if (value !== undefined) attributes[key] = value;
  logger.emit({
    timestamp: timeMs,
    observedTimestamp: timeMs,
    severityNumber: SEVERITIES[level],
    severityText: level.toUpperCase(),
    eventName,
    body: message,
    attributes,
    // Never the active context, which is nobody's here.
    context:
      traceContext === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(traceContext)),
  });
}

/** `link live` is `link.live`. */
export function toEventName(message: string): string {
  return message
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ".")
    .replaceAll(/^\.|\.$/g, "");
}
