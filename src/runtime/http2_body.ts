/** The data that an HTTP/2 stream receives as a Web stream with back-pressure, and its headers as pairs. */

import type { Http2Stream, IncomingHttpHeaders } from "node:http2";

export interface IncomingBody {
  readonly body: ReadableStream<Uint8Array>;
  /** Fails the body unless it has ended; `reason` is called only then. */
  fail(reason: () => unknown): void;
}

/** Calls `onCancel` when the reader cancels the body. */
export function toBody(stream: Http2Stream, onCancel: (reason: unknown) => void): IncomingBody {
  let isOpen = true;
  let controller: ReadableStreamDefaultController<Uint8Array>;
  stream.on("data", (chunk: Uint8Array) => {
    if (!isOpen) return;
    controller.enqueue(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if ((controller.desiredSize ?? 0) <= 0) stream.pause();
  });
  stream.once("end", () => {
    // An aborted stream emits "end" too; its "close" follows.
    if (!isOpen || stream.aborted) return;
    isOpen = false;
    controller.close();
  });
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    pull: () => void stream.resume(),
    cancel(reason) {
      isOpen = false;
      onCancel(reason);
    },
  });
  return {
    body,
    fail(reason) {
      if (isOpen) controller.error(reason());
      isOpen = false;
    },
  };
}

/** Without pseudo-headers such as `:path`. */
export function toPairs(headers: IncomingHttpHeaders): [string, string][] {
  return Object.entries(headers).flatMap(([name, value]): [string, string][] => {
    if (name.startsWith(":") || value === undefined) return [];
    return Array.isArray(value) ? value.map((one) => [name, one]) : [[name, value]];
  });
}
