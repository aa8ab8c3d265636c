/** OTLP as it comes over HTTP, protobuf or JSON, turned into plain records for tests to look at. */

// First: it tells protobufjs to read 64-bit integers as numbers, and does so for all of the process. Fields
// that are parsed before that cannot be read after it.
import "../../gen/statesource.js";
import protobuf from "protobufjs";

export type OtlpValue = string | number | boolean | readonly OtlpValue[] | undefined;
export type OtlpAttributes = Readonly<Record<string, OtlpValue>>;

export interface OtlpSpan {
  readonly resource: OtlpAttributes;
  readonly name: string;
  readonly kind: "INTERNAL" | "SERVER" | "CLIENT" | "PRODUCER" | "CONSUMER" | "UNSPECIFIED";
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for the first of a trace. */
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

/** opentelemetry-proto 1.x, what spans and logs need of it. */
const PROTO = `
syntax = "proto3";
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4;
    ArrayValue array_value = 5; KeyValueList kvlist_value = 6; bytes bytes_value = 7;
  }
}
message ArrayValue { repeated AnyValue values = 1; }
message KeyValueList { repeated KeyValue values = 1; }
message KeyValue { string key = 1; AnyValue value = 2; }
message Resource { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
message Scope { string name = 1; string version = 2; }
message TracesData { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; string schema_url = 3; }
message ScopeSpans { Scope scope = 1; repeated Span spans = 2; string schema_url = 3; }
message Span {
  bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
  int32 kind = 6; fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; uint32 dropped_attributes_count = 10;
  repeated Event events = 11; uint32 dropped_events_count = 12;
  repeated Link links = 13; uint32 dropped_links_count = 14; Status status = 15; fixed32 flags = 16;
}
message Event { fixed64 time_unix_nano = 1; string name = 2; repeated KeyValue attributes = 3; }
message Link { bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; repeated KeyValue attributes = 4; fixed32 flags = 6; }
message Status { string message = 2; int32 code = 3; }
message LogsData { repeated ResourceLogs resource_logs = 1; }
message ResourceLogs { Resource resource = 1; repeated ScopeLogs scope_logs = 2; string schema_url = 3; }
message ScopeLogs { Scope scope = 1; repeated LogRecord log_records = 2; string schema_url = 3; }
message LogRecord {
  fixed64 time_unix_nano = 1; int32 severity_number = 2; string severity_text = 3; AnyValue body = 5;
  repeated KeyValue attributes = 6; uint32 dropped_attributes_count = 7; fixed32 flags = 8;
  bytes trace_id = 9; bytes span_id = 10; fixed64 observed_time_unix_nano = 11; string event_name = 12;
}
`;

const ROOT = protobuf.parse(PROTO).root;

// The wire's own shapes, with protobuf's bytes as hex digits, which is how JSON has them.

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

/** The spans of an export request. Throws for what is no such request. */
export function decodeTraces(body: Uint8Array, contentType: string): OtlpSpan[] {
  const data = decode<TracesData>(body, contentType, "TracesData");
  return (data.resourceSpans ?? []).flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span) => toSpan(span, toAttributes(resource?.attributes))),
    ),
  );
}

/** The log records of an export request. Throws for what is no such request. */
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
  const message = ROOT.lookupType(type);
  const plain = message.toObject(message.decode(body), { longs: String, bytes: Array });
  return hexIds(plain) as T;
}

/** Turns arrays of bytes under `…Id` keys into hex digits. */
function hexIds(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) {
    return key.endsWith("Id")
      ? (value as number[]).map((byte) => byte.toString(16).padStart(2, "0")).join("")
      : value.map((item) => hexIds(item));
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, hexIds(item, name)]),
  );
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
