/**
 * The client side of HTTP/2, shaped like `fetch`: without TLS (h2c) for `http:`, with TLS for `https:`.
 * It stands on `node:http2`, which Node.js, Deno and Bun have, since the `fetch` of none of them speaks
 * h2c. undici's does, but does not tell the peer when a stream is canceled that back-pressure had
 * paused, and goes on using a connection whose peer is gone without a word.
 */

import { type ClientHttp2Session, connect } from "node:http2";
import type { Transport } from "../replication/mod.ts";
import { exchange } from "./http2_exchange.ts";

export interface Http2Transport {
  readonly fetch: Transport;
  /** Ends all connections, and with them what is under way. */
  close(): Promise<void>;
}

export interface Http2TransportOptions {
  /** Longest that making a connection may take, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** After a request was given up: longest that the peer may take to answer a ping before its connection is, too. Default 1,000. */
  readonly pingTimeoutMs?: number;
  /** How long a connection without requests is kept, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number;
}

/** One connection per origin, made when it is needed and made anew when it is lost. */
export function createHttp2Transport(options: Http2TransportOptions = {}): Http2Transport {
  const connections = new Map<string, Connection>();
  const connectionTo = (origin: string): Connection => {
    let connection = connections.get(origin);
    if (connection === undefined || !connection.isUsable) {
      connection = new Connection(origin, options);
      connections.set(origin, connection);
    }
    return connection;
  };
  return {
    async fetch(request) {
      const body = new Uint8Array(await request.arrayBuffer());
      request.signal.throwIfAborted();
      const connection = connectionTo(new URL(request.url).origin);
      return await exchange(connection.session, request, body, {
        opened: () => connection.opened(),
        closed: (isGivenUp) => connection.closed(isGivenUp),
      });
    },
    async close() {
      for (const connection of connections.values()) connection.destroy();
      connections.clear();
    },
  };
}

class Connection {
  readonly session: ClientHttp2Session;
  readonly #options: Http2TransportOptions;
  #streams = 0;
  #pingTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  #idleTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(origin: string, options: Http2TransportOptions) {
    const { connectTimeoutMs = 2_000 } = options;
    this.#options = options;
    this.session = connect(origin);
    const timer = setTimeout(
      () => this.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    this.session.once("connect", () => clearTimeout(timer));
    this.session.once("close", () => {
      clearTimeout(timer);
      clearTimeout(this.#pingTimer);
      clearTimeout(this.#idleTimer);
    });
    // Errors reach the requests under way; unheard, they would end the process.
    this.session.on("error", () => {});
  }

  get isUsable(): boolean {
    return !this.session.closed && !this.session.destroyed;
  }

  opened(): void {
    this.#streams++;
    clearTimeout(this.#idleTimer);
  }

  /** A request has ended; `isGivenUp` says that our side ended it. */
  closed(isGivenUp: boolean): void {
    this.#streams--;
    if (!this.isUsable) return;
    if (isGivenUp) this.#probe();
    if (this.#streams > 0) return;
    this.#idleTimer = setTimeout(() => this.session.close(), this.#options.idleTimeoutMs ?? 30_000);
  }

  destroy(error?: Error): void {
    if (!this.session.destroyed) this.session.destroy(error);
  }

  /**
   * Asks whether the peer still lives. A request is given up mostly because nothing came for too long;
   * then every other one on a connection that died without a word would wait as long in its turn.
   */
  #probe(): void {
    if (this.#pingTimer !== undefined) return;
    const { pingTimeoutMs = 1_000 } = this.#options;
    this.#pingTimer = setTimeout(
      () => this.destroy(new Error(`no answer to a ping within ${pingTimeoutMs} ms`)),
      pingTimeoutMs,
    );
    this.session.ping(() => {
      clearTimeout(this.#pingTimer);
      this.#pingTimer = undefined;
    });
  }
}
