/** One request to an HTTP/2 server as `Request`, and the `Response` to it. */

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { toBody, toPairs } from "./http2_body.ts";
import { MAX_HEADER_BYTES } from "./http2_limits.ts";
import { breakOff, isPushed, push } from "./http2_push.ts";
import type { FetchHandler } from "./listener.ts";

/**
 * Has `fetch` answer a request. The request's signal is aborted when the client is gone before all of
 * the answer is sent; an answer whose body breaks off resets the stream, so that nobody takes what was
 * sent for all of it. Once all is said, the client has `endTimeoutMs` to take it; what it still sends then
 * is not waited for.
 */
export async function answer(
  fetch: FetchHandler,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  endTimeoutMs: number,
): Promise<void> {
  const abort = new AbortController();
  let isAnswered = false;
  // Its close follows, and ends what is under way.
  stream.on("error", () => {});
  stream.once("close", () => {
    if (!isAnswered) abort.abort(new DOMException("The client is gone", "AbortError"));
  });
  try {
    const request = toRequest(stream, headers, abort.signal);
    await send(stream, request instanceof Request ? await fetch(request) : request);
    isAnswered = true;
    endWithin(stream, endTimeoutMs);
  } catch {
    // Errors are the handler's own concern; what gets here can only be shown as a failure.
    if (stream.destroyed) return;
    if (!stream.headersSent) stream.respond({ ":status": 500 }, { endStream: true });
    else breakOff(stream);
  }
}

/** Sees to it that a stream whose answer has been written is closed. */
function endWithin(stream: ServerHttp2Stream, timeoutMs: number): void {
  if (stream.closed || stream.destroyed) return;
  // RFC 9113, section 8.1: so a server that has answered tells a client not to send the rest.
  if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
  const timer = setTimeout(() => stream.close(constants.NGHTTP2_CANCEL), timeoutMs);
  stream.once("close", () => clearTimeout(timer));
}

/** An answer for what is no request that can be taken. */
function toRequest(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  signal: AbortSignal,
): Request | Response {
  if (lengthOf(headers) > MAX_HEADER_BYTES) return new Response(null, { status: 431 });
  const { ":method": method = "GET", ":path": path = "/", ":scheme": scheme = "http" } = headers;
  const init: RequestInit & { duplex?: "half" } = { method, headers: toPairs(headers) };
  if (method !== "GET" && method !== "HEAD") {
    // The answer goes out on the same stream: a body that is not wanted is read and dropped.
    const { body, fail } = toBody(stream, () => stream.resume());
    stream.once("close", () => fail(() => new Error("the client is gone")));
    init.body = body as ReadableStream<Uint8Array<ArrayBuffer>>;
    init.duplex = "half";
  }
  try {
    const request = new Request(
      `${scheme}://${headers[":authority"] ?? headers.host}${path}`,
      init,
    );
    // One given to the constructor is followed over weak references, which only a full garbage
    // collection takes away: at some hundred requests a second, pauses of ten milliseconds.
    return Object.defineProperty(request, "signal", { value: signal });
  } catch {
    return new Response(null, { status: 400 });
  }
}

/** As RFC 9113, section 10.5.1, counts it. */
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
  const stop = () => void reader.cancel(new Error("the client is gone")).catch(() => {});
  stream.once("close", stop);
  // A body that breaks off is to end the stream also while the client takes nothing.
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

/** Resolves when the stream takes more, or is closed. */
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
