/**
 * W3C trace contexts, and which of them ride on a clock. Inside this project one is 25 bytes: 16 of trace id, 8 of span id, 1 of flags.
 * In HTTP it is the header `traceparent` (W3C Trace Context, section 3.2).
 */

import { fromHex, toHex } from "./hex.ts";

/** Length of a trace context, in bytes. */
export const TRACE_CONTEXT_BYTES = 25;

/** Most trace contexts that a diff carries: those of its last traced transitions. */
export const MAX_TRACE_CONTEXTS = 16;

/** The empty list; shared, so that untraced changes allocate nothing. */
export const NO_TRACE_CONTEXTS: readonly Uint8Array[] = [];

const SAMPLED = 1;
const TRACEPARENT_PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Whether an opaque value, such as a mutation's context, is a trace context. */
export function isTraceContext(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length === TRACE_CONTEXT_BYTES;
}

/** Whether the trace is recorded. The node where it began decides that for all nodes. */
export function isSampled(context: Uint8Array): boolean {
  return (context[24]! & SAMPLED) !== 0;
}

/** The trace id as 32 lower-case hex digits. */
export function traceIdOf(context: Uint8Array): string {
  return toHex(context, 0, 16);
}

/** Reads a `traceparent` header. Undefined for an invalid one, which the specification treats as absent. */
export function parseTraceparent(header: string): Uint8Array | undefined {
  const match = TRACEPARENT_PATTERN.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  // Later versions may be longer; version 00 may not, and ff is forbidden.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0*$/.test(traceId!) || /^0*$/.test(spanId!)) return undefined;
  return fromHex(`${traceId}${spanId}${flags}`);
}

/** The `traceparent` header of a trace context. */
export function formatTraceparent(context: Uint8Array): string {
  return `00-${traceIdOf(context)}-${toHex(context, 16, 24)}-${toHex(context, 24)}`;
}

export class TracedTransitions {
  #traced: readonly { readonly seq: number; readonly context: Uint8Array }[] = [];

  /** Adds the contexts of the transitions up to `seq`; keeps the last {@linkcode MAX_TRACE_CONTEXTS}. */
  add(seq: number, contexts: readonly Uint8Array[]): void {
    if (contexts.length === 0) return;
    const traced = contexts.map((context) => ({ seq, context }));
    this.#traced = [...this.#traced, ...traced].slice(-MAX_TRACE_CONTEXTS);
  }

  /** The contexts after `seq`, in their order. */
  since(seq: number): readonly Uint8Array[] {
    if ((this.#traced.at(-1)?.seq ?? 0) <= seq) return NO_TRACE_CONTEXTS;
    return this.#traced.filter((traced) => traced.seq > seq).map(({ context }) => context);
  }

  clear(): void {
    this.#traced = [];
  }
}
