/** A `fetch` over `node:http2` for runtimes whose own one does not speak HTTP/2 without TLS: one connection per origin. */

import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { Transport } from "../replication/mod.ts";

export interface Http2Transport {
  readonly fetch: Transport;
  /** Ends all connections. */
  close(): Promise<void>;
}

export function createNodeHttp2Transport(): Http2Transport {
  const sessions = new Map<string, ClientHttp2Session>();
  const sessionOf = (origin: string): ClientHttp2Session => {
    let session = sessions.get(origin);
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(origin);
      sessions.set(origin, session);
      // Errors reach the requests under way; unheard, they would end the process.
      session.on("error", () => {});
    }
    return session;
  };
  return {
    fetch: async (request) =>
      send(
        sessionOf(new URL(request.url).origin),
        request,
        new Uint8Array(await request.arrayBuffer()),
      ),
    async close() {
      for (const session of sessions.values()) session.destroy();
    },
  };
}

function send(session: ClientHttp2Session, request: Request, body: Uint8Array): Promise<Response> {
  const { signal } = request;
  signal.throwIfAborted();
  const { pathname, search } = new URL(request.url);
  const stream = session.request({
    ":method": request.method,
    ":path": pathname + search,
    ...Object.fromEntries(request.headers),
  });
  const abort = () => {
    stream.close(constants.NGHTTP2_CANCEL);
    stream.destroy(signal.reason);
  };
  signal.addEventListener("abort", abort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", abort));
  return new Promise((resolve, reject) => {
    stream.on("error", reject);
    session.once("error", reject);
    stream.once("close", () => reject(new Error("the connection was closed")));
    stream.once("response", (headers) => {
      const plain = Object.entries(headers).filter(([name]) => !name.startsWith(":")) as [
        string,
        string,
      ][];
      const chunks = new ReadableStream<Uint8Array>({
        start(controller) {
          stream.on("data", (chunk: Uint8Array) => {
            controller.enqueue(new Uint8Array(chunk));
            if ((controller.desiredSize ?? 0) <= 0) stream.pause();
          });
          stream.once("end", () => close(() => controller.close()));
          stream.once("error", (error) => close(() => controller.error(error)));
          stream.once("close", () =>
            close(() => controller.error(new Error("the stream was closed"))),
          );
        },
        pull: () => void stream.resume(),
        cancel: () => stream.close(constants.NGHTTP2_CANCEL),
      });
      resolve(new Response(chunks, { status: Number(headers[":status"]), headers: plain }));
    });
    stream.end(body);
  });
}

/** A stream ends once; what comes after, in whatever order a runtime tells it, is nothing new. */
function close(end: () => void): void {
  try {
    end();
  } catch {
    // It has ended before.
  }
}
