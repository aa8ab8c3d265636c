/** Writes a body that is pushed to its HTTP/2 stream, with no Web stream in between. */

import type { ServerHttp2Stream } from "node:http2";
import type { PushStream } from "../replication/mod.ts";

/** Whether a body can be taken over. Some runtimes hand on another stream than they were given. */
export function isPushed(body: ReadableStream<Uint8Array<ArrayBuffer>>): body is PushStream {
  return "takeOver" in body;
}

/** Has `body` write to `stream`. Resolves when it has ended, or the stream is closed. */
export function push(stream: ServerHttp2Stream, body: PushStream): Promise<void> {
  return new Promise((resolve) => {
    // One for all messages: a closure for each is felt with a thousand streams.
    const written = (error: Error | null | undefined) => {
      // After an error the stream's close follows.
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
 * Resets a stream with INTERNAL_ERROR. Its own `close` with that code would say the end of the body
 * first, and the client would take what it has for all of it.
 */
export function breakOff(stream: ServerHttp2Stream): void {
  stream.destroy(new Error("the answer broke off"));
}

let lastBytes: Uint8Array<ArrayBuffer> | undefined;
let lastBuffer: Buffer;

/** The view that `node:http2` writes; one is made for all streams that get the same bytes. */
function toBuffer(bytes: Uint8Array<ArrayBuffer>): Buffer {
  if (bytes !== lastBytes) {
    lastBytes = bytes;
    lastBuffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  return lastBuffer;
}
