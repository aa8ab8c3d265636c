/**
 * HTTP/2 with prior knowledge (h2c) on Node.js: a server for the replication protocol, and the client
 * side of it as a `fetch`.
 *
 * @module
 */

import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import { createAdaptorServer } from "@hono/node-server";
import { H2CClient, fetch as undiciFetch } from "undici";
import type { Transport } from "../replication/mod.ts";
import { type FetchHandler, type ListenAddress, ListenError, type Listener } from "./listener.ts";

/** Serves HTTP/2 without TLS. Rejects with {@linkcode ListenError}. */
export async function listenHttp2(fetch: FetchHandler, address: ListenAddress): Promise<Listener> {
  const server = createAdaptorServer({
    fetch,
    createServer,
    overrideGlobalObjects: false,
  }) as Http2Server;
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session));
    // A connection that breaks is the concern of its streams; unheard, the error would end the process.
    session.on("error", () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(ListenError.from(error, address)));
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : address.port,
    async close(graceMs = 500) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      const timer = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, graceMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** A transport over h2c, with one connection per origin and link. */
export interface Http2Transport {
  readonly fetch: Transport;
  close(): Promise<void>;
}

export function createHttp2Transport(): Http2Transport {
  const clients = new Map<string, H2CClient>();
  const clientOf = (origin: string): H2CClient => {
    let client = clients.get(origin);
    if (client === undefined || client.destroyed) {
      // The protocol has its own limits for silence; a stream may rightly be idle for ever.
      client = new H2CClient(origin, { bodyTimeout: 0, headersTimeout: 0, connectTimeout: 2_000 });
      clients.set(origin, client);
    }
    return client;
  };
  return {
    async fetch(request) {
      const { origin } = new URL(request.url);
      const response = await undiciFetch(request.url, {
        method: request.method,
        headers: [...request.headers],
        body: new Uint8Array(await request.arrayBuffer()),
        signal: request.signal,
        dispatcher: clientOf(origin),
      });
      return response as unknown as Response;
    },
    async close() {
      await Promise.all([...clients.values()].map((client) => client.destroy()));
    },
  };
}
