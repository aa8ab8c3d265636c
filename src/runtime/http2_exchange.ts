/** One request and its response on an HTTP/2 connection. */

import { type ClientHttp2Session, constants } from "node:http2";
import { toBody, toPairs } from "./http2_body.ts";

/** What a connection learns about each of its streams. */
export interface StreamHooks {
  opened(): void;
  /** This side ends the stream before the peer does. Called before the caller of {@linkcode exchange} learns of it. */
  abandoned(): void;
  closed(): void;
}

const NULL_BODY = new Set([204, 205, 304]);

/**
 * Sends a request. Resolves with the response when its headers arrive. Abort and cancel reset the
 * stream at the peer; the body is read only as fast as the caller reads it.
 */
export function exchange(
  session: ClientHttp2Session,
  request: Request,
  body: Uint8Array,
  hooks: StreamHooks,
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const head = {
    ":method": request.method,
    ":path": pathname + search,
    ...Object.fromEntries(request.headers),
  };
  // Explicit, because the default depends on the method.
  const stream = session.request(head, { endStream: body.length === 0 });
  hooks.opened();
  return new Promise((resolve, reject) => {
    let fail = (reason: () => unknown) => reject(reason());
    const giveUp = (reason: unknown) => {
      hooks.abandoned();
      fail(() => reason);
      // A stream that waits for its connection has nothing to reset at the peer.
      if (stream.pending) stream.destroy();
      else stream.close(constants.NGHTTP2_CANCEL);
    };
    const abort = () => giveUp(request.signal.reason);
    request.signal.addEventListener("abort", abort, { once: true });
    stream.on("error", (error) => fail(() => error));
    stream.once("close", () => {
      // This reference keeps the request alive until here, and thereby its signal, which the caller's
      // signal references only weakly.
      request.signal.removeEventListener("abort", abort);
      fail(() => new Error("the stream was closed"));
      hooks.closed();
    });
    stream.once("response", (headers) => {
      const status = Number(headers[":status"]);
      const head = { status, headers: toPairs(headers) };
      if (NULL_BODY.has(status)) {
        stream.resume();
        resolve(new Response(null, head));
        return;
      }
      const incoming = toBody(stream, giveUp);
      fail = incoming.fail;
      resolve(new Response(incoming.body as ReadableStream<Uint8Array<ArrayBuffer>>, head));
    });
    if (body.length > 0) stream.end(body);
  });
}
