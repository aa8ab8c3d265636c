/** What client and server read off a request or response alike. */

import { ReplicationError } from "./errors.ts";

/** Whether the message is of a content type, parameters aside. */
export function hasType(message: Request | Response, type: string): boolean {
  return message.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

/** Reads a whole body. Throws {@linkcode ReplicationError} (`resource_exhausted`) past `maxBytes`. */
export async function readBytes(
  message: Request | Response,
  maxBytes: number,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  // Not by `for await`: not every browser can.
  const reader = message.body?.getReader();
  for (;;) {
    const piece = (await reader?.read())?.value;
    if (piece === undefined) break;
    length += piece.length;
    if (length > maxBytes) {
      void reader?.cancel().catch(() => {});
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot take a body of more than ${maxBytes} bytes`,
      );
    }
    pieces.push(piece);
  }
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
