/** Converts between OpenTelemetry's span contexts and the 25 bytes that travel between nodes. */

import { type Context, ROOT_CONTEXT, type SpanContext, trace } from "@opentelemetry/api";
import { fromHex, TRACE_CONTEXT_BYTES, toHex, traceIdOf } from "../replication/mod.ts";

/** Returns the context of a remote span. */
export function toSpanContext(traceContext: Uint8Array): SpanContext {
  return {
    traceId: traceIdOf(traceContext),
    spanId: toHex(traceContext, 16, 24),
    traceFlags: traceContext[24]!,
    isRemote: true,
  };
}

export function fromSpanContext({ traceId, spanId, traceFlags }: SpanContext): Uint8Array {
  const traceContext = new Uint8Array(TRACE_CONTEXT_BYTES);
  traceContext.set(fromHex(traceId));
  traceContext.set(fromHex(spanId), 16);
  traceContext[24] = traceFlags;
  return traceContext;
}

/** Returns an OpenTelemetry context with this span, or with none; a context as it is. The active context is never used. */
export function toContext(parent: Uint8Array | Context | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT;
  if (!(parent instanceof Uint8Array)) return parent;
  return trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent));
}
