/** Trace context as it travels between nodes: 16 bytes trace id, 8 bytes span id, 1 byte flags. */

import type { SpanContext } from "@opentelemetry/api";

const SAMPLED = 1;

/** Whether the trace is recorded: decided where it began, for all nodes. */
export function isSampled(context: Uint8Array): boolean {
  return (context[24]! & SAMPLED) !== 0;
}

/** As a mutation's opaque context may hold it. */
export function isTraceContext(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === 25;
}

/** The span that a context from elsewhere names. */
export function toSpanContext(context: Uint8Array): SpanContext {
  return {
    traceId: toHex(context, 0, 16),
    spanId: toHex(context, 16, 24),
    traceFlags: context[24]!,
    isRemote: true,
  };
}

export function fromSpanContext({ traceId, spanId, traceFlags }: SpanContext): Uint8Array {
  const context = new Uint8Array(25);
  for (let i = 0; i < 16; i++) context[i] = byteAt(traceId, i);
  for (let i = 0; i < 8; i++) context[16 + i] = byteAt(spanId, i);
  context[24] = traceFlags;
  return context;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function toHex(bytes: Uint8Array, from: number, to: number): string {
  let hex = "";
  for (let i = from; i < to; i++) hex += HEX[bytes[i]!]!;
  return hex;
}

function byteAt(hex: string, index: number): number {
  return Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
}
