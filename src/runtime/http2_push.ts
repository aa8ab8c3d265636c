/** Writes a pushed body directly to its HTTP/2 stream, without a Web stream in between. */

import type { ServerHttp2Stream } from "node:http2";
import type { PushStream } from "../replication/mod.ts";

/** Whether a body can be taken over. Some runtimes replace the stream that a `Response` was made of. */
export function isPushed(body: ReadableStream<Uint8Array<ArrayBuffer>>): body is PushStream {
  return "takeOver" in body;
}

/** Has `body` write to `stream`. Resolves when the body has ended or the stream is closed. */
export function push(stream: ServerHttp2Stream, body: PushStream): Promise<void> {
  return new Promise((resolve) => {
    // One closure for all messages: one per message is slow with a thousand streams.
    const written = (error: Error | null | undefined) => {
      // After an error, the event "close" follows.
      if (!error) reader.taken();
    };
    const reader = body.takeOver({
      write: (bytes) => void stream.write(toBuffer(bytes), written),
      end() {
        stream.end();
        resolve();
      },
      abort: () => breakOff(stream),
    });
    stream.once("close", () => {
      reader.gone();
      resolve();
    });
  });
}

/**
 * Resets a stream with INTERNAL_ERROR. `stream.close()` with that code would end the body first, and
 * the client would mistake what it has for all of it.
 */
export function breakOff(stream: ServerHttp2Stream): void {
  stream.destroy(new Error("the response broke off"));
}

let lastBytes: Uint8Array<ArrayBuffer> | undefined;
let lastBuffer: Buffer;

/** The view that `node:http2` writes; streams that send the same bytes share it. */
function toBuffer(bytes: Uint8Array<ArrayBuffer>): Buffer {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastBuffer;
}
