/** What client and server read off a request or response alike. */

import { ReplicationError } from "../clock/errors.ts";

/** Whether the message is of a content type, parameters aside. */
export function hasType(message: Request | Response, type: string): boolean {
  return message.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

/**
 * Reads a whole body. Throws {@linkcode ReplicationError} (`resource_exhausted`) past `maxBytes`, and the
 * reason of `signal` when that aborts first.
 */
export async function readBytes(
  message: Request | Response,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Not by `for await`: not every browser can.
  const reader = message.body?.getReader();
  const stop = () => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  for (;;) {
    const piece = (await reader?.read())?.value;
    signal?.throwIfAborted();
    if (piece === undefined) break;
    length += piece.length;
    if (length > maxBytes) {
      stop();
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot take a body of more than ${maxBytes} bytes`,
      );
    }
    pieces.push(piece);
  }
  signal?.removeEventListener("abort", stop);
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
