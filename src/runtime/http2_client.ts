/**
 * The client side of HTTP/2, shaped like `fetch`: without TLS (h2c) for `http:`, with TLS for `https:`.
 * It stands on `node:http2`, which Node.js, Deno and Bun have, since the `fetch` of none of them speaks
 * h2c. undici's does, but does not tell the peer when a stream is canceled that back-pressure had
 * paused, and goes on using a connection whose peer is gone without a word.
 */

import { type ClientHttp2Session, connect } from "node:http2";
import { exchange } from "./http2_exchange.ts";

export interface Http2Transport {
  /** A `Transport` of replication. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Ends all connections, and with them what is under way. */
  close(): Promise<void>;
}

export interface Http2TransportOptions {
  /** Longest that making a connection may take, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** After a request was given up: longest that the peer may take to answer a ping before its connection is, too. Default 1,000. */
  readonly pingTimeoutMs?: number;
  /** Until it has answered: how long after the ping new requests still wait for that, in milliseconds, before they go to a new connection. Default 50. */
  readonly doubtMs?: number;
  /** How long a connection without requests is kept, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number;
}

/**
 * Bytes of a stream on their way that have not been taken: a fourth of the usual. More of them would
 * be older news, of which a slow reader had better get a merged diff.
 */
const WINDOW_BYTES = 16_384;

/** One connection per origin, made when it is needed and made anew when it is lost, or seems to be. */
export function createHttp2Transport(options: Http2TransportOptions = {}): Http2Transport {
  const { doubtMs = 50 } = options;
  const connections = new Map<string, Connection>();
  /** Those of the map, and those whose place in it was taken while they had requests. */
  const open = new Set<Connection>();
  const connect = (origin: string): Connection => {
    const connection = new Connection(origin, options);
    open.add(connection);
    connection.session.once("close", () => open.delete(connection));
    connections.set(origin, connection);
    return connection;
  };
  const connectionTo = async (origin: string): Promise<Connection> => {
    const connection = connections.get(origin);
    if (connection?.isDoubted) await connection.answered(doubtMs);
    // Others may have waited as well, and one of them have made a new one.
    const current = connections.get(origin);
    const isGood = current?.isUsable && !(current === connection && current.isDoubted);
    return isGood ? current : connect(origin);
  };
  return {
    async fetch(request) {
      const body = new Uint8Array(await request.arrayBuffer());
      const connection = await connectionTo(new URL(request.url).origin);
      request.signal.throwIfAborted();
      return await exchange(connection.session, request, body, {
        opened: () => connection.opened(),
        givenUp: () => connection.probe(),
        closed: () => connection.closed(),
      });
    },
    async close() {
      for (const connection of open) connection.destroy();
      connections.clear();
    },
  };
}

class Connection {
  readonly session: ClientHttp2Session;
  readonly #options: Http2TransportOptions;
  #streams = 0;
  #pingTimer: ReturnType<typeof setTimeout> | undefined = undefined;
  /** Of the ping that is out: resolves with its answer, or the connection's end. */
  #pinged: PromiseWithResolvers<void> | undefined = undefined;
  #pingedAtMs = 0;
  #idleTimer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(origin: string, options: Http2TransportOptions) {
    const { connectTimeoutMs = 2_000 } = options;
    this.#options = options;
    this.session = connect(origin, {
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    const timer = setTimeout(
      () => this.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    this.session.once("connect", () => clearTimeout(timer));
    this.session.once("close", () => {
      clearTimeout(timer);
      this.#trust();
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

  /** A request has ended. */
  closed(): void {
    this.#streams--;
    if (!this.isUsable || this.#streams > 0) return;
    this.#idleTimer = setTimeout(() => this.session.close(), this.#options.idleTimeoutMs ?? 30_000);
  }

  destroy(error?: Error): void {
    if (!this.session.destroyed) this.session.destroy(error);
  }

  /** Whether the peer has yet to show that it still lives. */
  get isDoubted(): boolean {
    return this.#pinged !== undefined;
  }

  /** Resolves once it is doubted no more, or has been for `ms`. */
  async answered(ms: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, this.#pingedAtMs + ms - performance.now()));
    await Promise.race([this.#pinged?.promise, late]);
    clearTimeout(timer);
  }

  /**
   * After a request was given up: asks whether the peer still lives. Mostly nothing came for too long;
   * then every other request on a connection that died without a word would wait as long in its turn.
   */
  probe(): void {
    if (!this.isUsable || this.#pinged !== undefined) return;
    const { pingTimeoutMs = 1_000 } = this.#options;
    this.#pinged = Promise.withResolvers();
    this.#pingedAtMs = performance.now();
    this.#pingTimer = setTimeout(
      () => this.destroy(new Error(`no answer to a ping within ${pingTimeoutMs} ms`)),
      pingTimeoutMs,
    );
    this.session.ping(() => this.#trust());
  }

  #trust(): void {
    clearTimeout(this.#pingTimer);
    this.#pinged?.resolve();
    this.#pinged = undefined;
  }
}
