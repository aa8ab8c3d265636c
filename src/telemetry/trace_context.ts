/** Between OpenTelemetry's span contexts and the 25 bytes that travel between nodes. */

import type { SpanContext } from "@opentelemetry/api";
import { fromHex, TRACE_CONTEXT_BYTES, toHex, traceIdOf } from "../replication/mod.ts";

/** A trace context as the context of a remote span. */
export function toSpanContext(context: Uint8Array): SpanContext {
  return {
    traceId: traceIdOf(context),
    spanId: toHex(context, 16, 24),
    traceFlags: context[24]!,
    isRemote: true,
  };
}

export function fromSpanContext({ traceId, spanId, traceFlags }: SpanContext): Uint8Array {
  const context = new Uint8Array(TRACE_CONTEXT_BYTES);
  context.set(fromHex(traceId));
  context.set(fromHex(spanId), 16);
  context[24] = traceFlags;
  return context;
}
