/**
 * A server for HTTP/2 with prior knowledge (h2c), built on `node:http2`, which Deno and Bun have too.
 * It uses no adapter of a Web framework: those for HTTP/1.1 write the error of a failed stream into its
 * body and to the console.
 */

import { createServer, type ServerHttp2Session } from "node:http2";
import {
  HTTP2_LIMITS,
  type Http2Limits,
  toServerOptions,
  watchConnection,
} from "./http2_limits.ts";
import { respond } from "./http2_response.ts";
import { closeWithin, type FetchHandler, type ListenAddress, type Listener } from "./listener.ts";
import { listenOn } from "./node_listener.ts";

/** Serves HTTP/2 without TLS. Rejects with {@linkcode ListenError}. */
export async function listenHttp2(
  fetch: FetchHandler,
  address: ListenAddress,
  options: Partial<Http2Limits> = {},
): Promise<Listener> {
  const limits = { ...HTTP2_LIMITS, ...options };
  const server = createServer(toServerOptions(limits));
  server.maxConnections = limits.maxConnections;
  const sessions = new Set<ServerHttp2Session>();
  /** Counts a stream on its connection. */
  const counters = new WeakMap<object, () => () => void>();
  server.on("session", (session) => {
    sessions.add(session);
    counters.set(session, watchConnection(session, limits));
    session.on("close", () => sessions.delete(session));
    // The streams of a broken connection handle its error; without a listener it would end the process.
    session.on("error", () => {});
  });
  server.on("stream", (stream, headers) => {
    const uncount = counters.get(stream.session!)?.();
    if (uncount !== undefined) stream.once("close", uncount);
    void respond(fetch, stream, headers, limits.responseTimeoutMs);
  });
  return {
    port: await listenOn(server, address),
    async close(graceMs = 500) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      await closeWithin(closed, graceMs, () => {
        for (const session of sessions) session.destroy();
      });
    },
  };
}
