/** One request and its response on an HTTP/2 connection. */

import { type ClientHttp2Session, constants } from "node:http2";
import { toBody, toPairs } from "./http2_body.ts";

/** What the connection is told of each stream on it. */
export interface StreamHooks {
  opened(): void;
  /** Our side ends it before the peer does; before whoever waits for it learns of that. */
  givenUp(): void;
  closed(): void;
}

const NULL_BODY = new Set([204, 205, 304]);

/** Resolves once the response's head is there. Abort and cancel reset the stream at the peer; its body is read only as fast as it is taken. */
export function exchange(
  session: ClientHttp2Session,
  request: Request,
  body: Uint8Array,
  tracer: StreamHooks,
): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const head = {
    ":method": request.method,
    ":path": pathname + search,
    ...Object.fromEntries(request.headers),
  };
  // Said always: the default differs by method.
  const stream = session.request(head, { endStream: body.length === 0 });
  tracer.opened();
  return new Promise((resolve, reject) => {
    let fail = (reason: () => unknown) => reject(reason());
    const giveUp = (reason: unknown) => {
      tracer.givenUp();
      fail(() => reason);
      // A stream that waits for its connection has no frame to send: it ends here alone.
      if (stream.pending) stream.destroy();
      else stream.close(constants.NGHTTP2_CANCEL);
    };
    const abort = () => giveUp(request.signal.reason);
    request.signal.addEventListener("abort", abort, { once: true });
    stream.on("error", (error) => fail(() => error));
    stream.once("close", () => {
      // That this names the request keeps it alive until here, and with it its signal, which the
      // caller's own signal holds only weakly.
      request.signal.removeEventListener("abort", abort);
      fail(() => new Error("the stream was closed"));
      tracer.closed();
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
