/**
 * The client side of HTTP/2, shaped like `fetch`: without TLS (h2c) for `http:`, with TLS for `https:`.
 * It is built on `node:http2`, which Node.js, Deno and Bun have, because the `fetch` of none of them
 * supports h2c. That of undici does, but it does not tell the peer about the cancelation of a stream
 * that back-pressure has paused, and it keeps using a connection whose peer has vanished.
 */

import { type ClientHttp2Session, connect, constants } from "node:http2";
import { toBody, toPairs } from "./http2_body.ts";

export interface Http2Transport {
  /** A `Transport` for replication. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** Ends all connections and their requests. */
  close(): Promise<void>;
}

export interface Http2TransportOptions {
  /** Longest time to make a connection, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** After a request is abandoned: longest time for the peer to respond to a ping before its connection is abandoned too, in milliseconds. Default 1,000. */
  readonly pingTimeoutMs?: number;
  /** Longest time that new requests wait for the response to this ping before they use a new connection, in milliseconds. Default 50. */
  readonly doubtMs?: number;
  /** Longest time that a connection without requests is kept, in milliseconds. Default 30,000. */
  readonly idleTimeoutMs?: number;
}

/**
 * Bytes of a stream that may be in flight, a fourth of HTTP/2's default. More would only be older
 * diffs; a slow reader is better served by one merged diff.
 */
const WINDOW_BYTES = 16_384;

/** Keeps one connection per origin: made at the first request, replaced once it is lost or seems to be. */
export function createHttp2Transport(options: Http2TransportOptions = {}): Http2Transport {
  const { doubtMs = 50 } = options;
  const connections = new Map<string, Connection>();
  /** The connections of the map, and replaced ones that still have requests. */
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
    if (connection?.isDoubted) await connection.trusted(doubtMs);
    // Another request that waited may have made a new connection.
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
        abandoned: () => connection.probe(),
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
  /** The pending ping: resolves with its response or the connection's end. */
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
    // The requests receive the error; without a listener it would end the process.
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

  /** Whether a ping is pending: the peer may have vanished. */
  get isDoubted(): boolean {
    return this.#pinged !== undefined;
  }

  /** Resolves when the ping has its response, or `ms` after it was sent. */
  async trusted(ms: number): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.max(0, this.#pingedAtMs + ms - performance.now()));
    await Promise.race([this.#pinged?.promise, late]);
    clearTimeout(timer);
  }

  /**
   * Pings the peer after a request was abandoned. The usual reason is that no data arrived for too long;
   * if the peer has vanished, every other request on the connection would wait equally long.
   */
  probe(): void {
    if (!this.isUsable || this.#pinged !== undefined) return;
    const { pingTimeoutMs = 1_000 } = this.#options;
    this.#pinged = Promise.withResolvers();
    this.#pingedAtMs = performance.now();
    this.#pingTimer = setTimeout(
      () => this.destroy(new Error(`no response to a ping within ${pingTimeoutMs} ms`)),
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
