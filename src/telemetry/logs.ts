/** Converts a node's log records to OpenTelemetry's. */

import { type Logger, SeverityNumber } from "@opentelemetry/api";
import type { LogFields } from "./event_log.ts";
import { ATTR_EVENT_NAME } from "./semconv.ts";
import { toContext } from "./trace_context.ts";

const SEVERITIES = {
  error: SeverityNumber.ERROR,
  warn: SeverityNumber.WARN,
  info: SeverityNumber.INFO,
  debug: SeverityNumber.DEBUG,
  trace: SeverityNumber.TRACE,
} as const;

export type Severity = keyof typeof SEVERITIES;

export interface NodeLogRecord {
  readonly timeMs: number;
  readonly level: Severity;
  /** What happened, in the same words each time. */
  readonly message: string;
  readonly fields: LogFields;
  readonly traceContext?: Uint8Array | undefined;
}

/** A logger of `@opentelemetry/api`, or of `@opentelemetry/api-logs`, where older versions lack `enabled`. */
export type RecordLogger = Pick<Logger, "emit"> & Partial<Pick<Logger, "enabled">>;

/** Whether the logger takes records of this level. */
export function takesRecords(logger: RecordLogger, level: Severity): boolean {
  return logger.enabled?.({ severityNumber: SEVERITIES[level] }) ?? true;
}

export function emitRecord(logger: RecordLogger, record: NodeLogRecord): void {
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
    context: toContext(traceContext),
  });
}

/** `link live` becomes `link.live`. */
function toEventName(message: string): string {
  return message
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, ".")
    .replaceAll(/^\.|\.$/g, "");
}
