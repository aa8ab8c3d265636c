/** Helpers that the decoders of all messages share. */

import { ReplicationError } from "../clock/errors.ts";
import { isTraceContext } from "../clock/trace_context.ts";

/** Throws {@linkcode ReplicationError} with `code` for bytes that `read` cannot decode. */
export function decode<T>(read: () => T, code: "invalid_argument" | "data_loss", what: string): T {
  try {
    return read();
  } catch (error) {
    throw new ReplicationError(code, `Cannot read ${what}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Throws {@linkcode ReplicationError} (`data_loss`) for a number beyond `max`, and for NaN. */
export function checkNumber(what: string, value: number, max: number): void {
  if (!(value <= max))
    throw new ReplicationError("data_loss", `Cannot read a message: its ${what} is ${value}`);
}

/**
 * A copy, so that the whole message can be freed. Undefined for bytes that are not a trace context: they are
 * no reason to refuse a clock.
 */
export function toTraceContext(bytes: Uint8Array): Uint8Array | undefined {
  return isTraceContext(bytes) ? new Uint8Array(bytes) : undefined;
}
