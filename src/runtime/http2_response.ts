/** Converts one request to an HTTP/2 server to a `Request`, and sends the `Response`. */

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { PushStream } from "../replication/mod.ts";
import { toBody, toPairs } from "./http2_body.ts";
import { MAX_HEADER_BYTES } from "./http2_limits.ts";
import type { FetchHandler } from "./listener.ts";

/**
 * Responds to a request by `fetch`. The request's signal is aborted if the client leaves before the
 * whole response is sent. A failure of the response's body resets the stream, so that the client does
 * not mistake a part of it for all. After its end is written, the client has `endTimeoutMs` to read the
 * response; the server does not wait for the rest of the request's body.
 */
export async function respond(
  fetch: FetchHandler,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  endTimeoutMs: number,
): Promise<void> {
  const abort = new AbortController();
  let isSent = false;
  // The event "close" follows and ends the request.
  stream.on("error", () => {});
  stream.once("close", () => {
    if (!isSent) abort.abort(new DOMException("The client has left", "AbortError"));
  });
  try {
    const request = toRequest(stream, headers, abort.signal);
    await send(stream, request instanceof Request ? await fetch(request) : request);
    isSent = true;
    endWithin(stream, endTimeoutMs);
  } catch {
    // The handler reports its own errors; here only a failure can be signaled.
    if (stream.destroyed) return;
    if (!stream.headersSent) stream.respond({ ":status": 500 }, { endStream: true });
    else breakOff(stream);
  }
}

/** Closes a stream whose response has been written. */
function endWithin(stream: ServerHttp2Stream, timeoutMs: number): void {
  if (stream.closed || stream.destroyed) return;
  // RFC 9113, section 8.1: this tells the client not to send the rest of the request.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), timeoutMs);
  stream.once("close", () => clearTimeout(timer));
}

/** The request, or the response to one that cannot be accepted. */
function toRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
): Request | Response {
  if (lengthOf(headers) > MAX_HEADER_BYTES) return new Response(null, { status: 431 });
  const { ":method": method = "GET", ":path": path = "/", ":scheme": scheme = "http" } = headers;
  const init: RequestInit & { duplex?: "half" } = { method, headers: toPairs(headers) };
  if (method !== "GET" && method !== "HEAD") {
    // The response uses the same stream, so an unwanted body is read and dropped.
    const { body, fail } = toBody(stream, () => stream.resume());
    stream.once("close", () => fail(() => new Error("the client has left")));
    init.body = body as ReadableStream<Uint8Array<ArrayBuffer>>;
    init.duplex = "half";
  }
  try {
    const request = new Request(
      `${scheme}://${headers[":authority"] ?? headers.host}${path}`,
      init,
    );
    // A signal passed to the constructor is followed through weak references, which only a full garbage
    // collection clears: pauses of ten milliseconds at a few hundred requests a second.
    return Object.defineProperty(request, "signal", { value: signal });
  } catch {
    return new Response(null, { status: 400 });
  }
}

/** The size of a header list as RFC 9113, section 10.5.1, counts it. */
function lengthOf(headers: IncomingHttpHeaders): number {
  let length = 0;
  for (const name in headers) length += name.length + (headers[name]?.length ?? 0) + 32;
  return length;
}

async function send(stream: ServerHttp2Stream, response: Response): Promise<void> {
  const { body } = response;
  if (stream.destroyed || stream.closed) {
    await body?.cancel();
    return;
  }
  const head = { ":status": response.status, ...Object.fromEntries(response.headers) };
  if (body === null) {
    stream.respond(head, { endStream: true });
    return;
  }
  stream.respond(head);
  if (isPushed(body)) {
    await push(stream, body);
    return;
  }
  const reader = body.getReader();
  const stop = () => void reader.cancel(new Error("the client has left")).catch(() => {});
  stream.once("close", stop);
  // A failure of the body resets the stream even while the client reads nothing.
  reader.closed.catch(() => breakOff(stream));
  for (;;) {
    const { done, value } = await reader.read();
    if (stream.closed || stream.destroyed) return;
    if (done) break;
    if (!stream.write(value)) await drained(stream);
  }
  stream.off("close", stop);
  stream.end();
}

/** Resolves when the stream accepts more data or is closed. */
function drained(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      stream.off("drain", end);
      stream.off("close", end);
      resolve();
    };
    stream.on("drain", end);
    stream.on("close", end);
  });
}

/** Whether a writer can be attached to a body. Some runtimes replace the stream that a `Response` was made of. */
export function isPushed(body: ReadableStream<Uint8Array<ArrayBuffer>>): body is PushStream {
  return "attach" in body;
}

/** Has `body` write to `stream`. Resolves when the body has ended or the stream is closed. */
export function push(stream: ServerHttp2Stream, body: PushStream): Promise<void> {
  return new Promise((resolve) => {
    // One closure for all messages: one per message is slow with a thousand streams.
    const written = (error: Error | null | undefined) => {
      // After an error, the event "close" follows.
      if (!error) events.flushed();
    };
    const events = body.attach({
      write: (bytes) => void stream.write(toBuffer(bytes), written),
      end() {
        stream.end();
        resolve();
      },
      abort: () => breakOff(stream),
    });
    stream.once("close", () => {
      events.closed();
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
