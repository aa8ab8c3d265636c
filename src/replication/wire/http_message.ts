/** Reads what requests and responses have in common, for client and server. */

import { ReplicationError } from "../clock/errors.ts";

/** Whether the message has this content type, parameters aside. */
export function hasType(message: Request | Response, type: string): boolean {
  return message.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

/**
 * Reads a whole body. Throws {@linkcode ReplicationError} (`resource_exhausted`) beyond `maxBytes`, and the
 * reason of `signal` if that aborts first.
 */
export async function readBytes(
  message: Request | Response,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Not `for await`: some browsers lack it for streams.
  const reader = message.body?.getReader();
  const stop = () => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  for (;;) {
    const chunk = (await reader?.read())?.value;
    signal?.throwIfAborted();
    if (chunk === undefined) break;
    length += chunk.length;
    if (length > maxBytes) {
      stop();
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot read a body of more than ${maxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  signal?.removeEventListener("abort", stop);
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
