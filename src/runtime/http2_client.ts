/** The client side of h2c through undici, for Node.js and Deno. */

import { H2CClient, fetch as undiciFetch } from "undici";
import type { Http2Transport } from "./http2_fetch.ts";

/** Speaks HTTP/2 without TLS to the nodes upstream: one connection per origin. */
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
