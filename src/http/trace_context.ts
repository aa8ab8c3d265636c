/** Trace context as it comes in a header (W3C Trace Context, section 3.2) and as it travels in a mutation. */

const TRACEPARENT_PATTERN = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a `traceparent` header: 16 bytes trace id, 8 bytes span id, 1 byte flags. Undefined if it
 * is not valid, which the specification asks to treat as absent.
 */
export function parseTraceparent(header: string): Uint8Array | undefined {
  const match = TRACEPARENT_PATTERN.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, rest] = match;
  // Later versions may be longer; the first one is not, and ff is none.
  if (version === "ff" || (version === "00" && rest !== undefined)) return undefined;
  if (/^0*$/.test(traceId!) || /^0*$/.test(spanId!)) return undefined;
  const digits = `${traceId}${spanId}${flags}`;
  return Uint8Array.from({ length: 25 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** The `traceparent` header of a trace context: the other way round. */
export function formatTraceparent(context: Uint8Array): string {
  const digits = Array.from(context, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `00-${digits.slice(0, 32)}-${digits.slice(32, 48)}-${digits.slice(48, 50)}`;
}
