/** Decodes OTLP over HTTP, protobuf or JSON, into plain records for tests. */

import { readMessage, type Tables } from "./protobuf_reader.ts";

export type OtlpValue = string | number | boolean | readonly OtlpValue[] | undefined;
export type OtlpAttributes = Readonly<Record<string, OtlpValue>>;

export interface OtlpSpan {
  readonly resource: OtlpAttributes;
  readonly name: string;
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER" | "UNSPECIFIED";
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first span of a trace. */
  readonly parentSpanId: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: OtlpAttributes;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly events: readonly { readonly name: string; readonly attributes: OtlpAttributes }[];
  readonly status: { readonly code: number; readonly message: string };
  readonly droppedAttributes: number;
}

export interface OtlpLogRecord {
  readonly resource: OtlpAttributes;
  readonly timeNs: bigint;
  readonly severity: string;
  readonly severityNumber: number;
  readonly body: OtlpValue;
  readonly eventName: string;
  readonly attributes: OtlpAttributes;
  readonly traceId: string;
  readonly spanId: string;
}

/** The parts of opentelemetry-proto 1.x that spans and logs need. */
const TABLES: Tables = {
  AnyValue: {
    1: ["stringValue", "string"],
    2: ["boolValue", "bool"],
    3: ["intValue", "int64"],
    4: ["doubleValue", "double"],
    5: ["arrayValue", "ArrayValue"],
  },
  ArrayValue: { 1: ["values", "AnyValue", true] },
  KeyValue: { 1: ["key", "string"], 2: ["value", "AnyValue"] },
  Resource: { 1: ["attributes", "KeyValue", true] },
  TracesData: { 1: ["resourceSpans", "ResourceSpans", true] },
  ResourceSpans: { 1: ["resource", "Resource"], 2: ["scopeSpans", "ScopeSpans", true] },
  ScopeSpans: { 2: ["spans", "Span", true] },
  Span: {
    1: ["traceId", "bytes"],
    2: ["spanId", "bytes"],
    4: ["parentSpanId", "bytes"],
    5: ["name", "string"],
    6: ["kind", "int32"],
    7: ["startTimeUnixNano", "fixed64"],
    8: ["endTimeUnixNano", "fixed64"],
    9: ["attributes", "KeyValue", true],
    10: ["droppedAttributesCount", "int32"],
    11: ["events", "Event", true],
    13: ["links", "Link", true],
    15: ["status", "Status"],
  },
  Event: { 2: ["name", "string"], 3: ["attributes", "KeyValue", true] },
  Link: { 1: ["traceId", "bytes"], 2: ["spanId", "bytes"] },
  Status: { 2: ["message", "string"], 3: ["code", "int32"] },
  LogsData: { 1: ["resourceLogs", "ResourceLogs", true] },
  ResourceLogs: { 1: ["resource", "Resource"], 2: ["scopeLogs", "ScopeLogs", true] },
  ScopeLogs: { 2: ["logRecords", "LogRecord", true] },
  LogRecord: {
    1: ["timeUnixNano", "fixed64"],
    2: ["severityNumber", "int32"],
    3: ["severityText", "string"],
    5: ["body", "AnyValue"],
    6: ["attributes", "KeyValue", true],
    9: ["traceId", "bytes"],
    10: ["spanId", "bytes"],
    12: ["eventName", "string"],
  },
};

// The shapes on the wire, with bytes as hex digits as in JSON.

interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number;
  arrayValue?: { values?: AnyValue[] };
}
interface KeyValue {
  key: string;
  value?: AnyValue;
}
interface Resource {
  attributes?: KeyValue[];
}
interface WireSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind?: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes?: KeyValue[];
  droppedAttributesCount?: number;
  events?: { name: string; attributes?: KeyValue[] }[];
  links?: { traceId: string; spanId: string }[];
  status?: { code?: number; message?: string };
}
interface WireLogRecord {
  timeUnixNano: string;
  severityNumber?: number;
  severityText?: string;
  body?: AnyValue;
  attributes?: KeyValue[];
  traceId?: string;
  spanId?: string;
  eventName?: string;
}
interface TracesData {
  resourceSpans?: { resource?: Resource; scopeSpans?: { spans?: WireSpan[] }[] }[];
}
interface LogsData {
  resourceLogs?: { resource?: Resource; scopeLogs?: { logRecords?: WireLogRecord[] }[] }[];
}

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"] as const;

/** The spans of an export request. Throws for any other bytes. */
export function decodeTraces(body: Uint8Array, contentType: string): OtlpSpan[] {
  const data = decode<TracesData>(body, contentType, "TracesData");
  return (data.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span) => toSpan(span, toAttributes(resource?.attributes))),
    ),
  );
}

/** The log records of an export request. Throws for any other bytes. */
export function decodeLogs(body: Uint8Array, contentType: string): OtlpLogRecord[] {
  const data = decode<LogsData>(body, contentType, "LogsData");
  return (data.resourceLogs ?? []).flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map((record) => toLogRecord(record, toAttributes(resource?.attributes))),
    ),
  );
}

function decode<T>(body: Uint8Array, contentType: string, type: string): T {
  if (contentType.startsWith("application/json"))
    return JSON.parse(new TextDecoder().decode(body)) as T;
  if (contentType !== "application/x-protobuf")
    throw new TypeError(`Cannot read OTLP: content type is "${contentType}"`);
  return readMessage(body, type, TABLES) as T;
}

function toSpan(span: WireSpan, resource: OtlpAttributes): OtlpSpan {
  return {
    resource,
    name: span.name,
    kind: KINDS[span.kind ?? 0] ?? "UNSPECIFIED",
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? "",
    startNs: BigInt(span.startTimeUnixNano),
    endNs: BigInt(span.endTimeUnixNano),
    attributes: toAttributes(span.attributes),
    links: (span.links ?? []).map(({ traceId, spanId }) => ({ traceId, spanId })),
    events: (span.events ?? []).map(({ name, attributes }) => ({
      name,
      attributes: toAttributes(attributes),
    })),
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? "" },
    droppedAttributes: span.droppedAttributesCount ?? 0,
  };
}

function toLogRecord(record: WireLogRecord, resource: OtlpAttributes): OtlpLogRecord {
  return {
    resource,
    timeNs: BigInt(record.timeUnixNano),
    severity: record.severityText ?? "",
    severityNumber: record.severityNumber ?? 0,
    body: toValue(record.body),
    eventName: record.eventName ?? "",
    attributes: toAttributes(record.attributes),
    traceId: record.traceId ?? "",
    spanId: record.spanId ?? "",
  };
}

function toAttributes(list: readonly KeyValue[] = []): OtlpAttributes {
  return Object.fromEntries(list.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(value: AnyValue | undefined): OtlpValue {
  if (value === undefined) return undefined;
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(toValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}
