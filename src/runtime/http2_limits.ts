/** Limits of the HTTP/2 listener, on connections and on what a peer may do with one. `replication/SPEC.md`, "Limits", lists them. */

import { constants, type ServerHttp2Session, type ServerOptions } from "node:http2";

export interface Http2Limits {
  /** Connections at the same time; one more is closed at once. Default 11,000: the downstreams of a publisher, and some more. */
  readonly maxConnections: number;
  /** Streams at the same time on one connection; one more is refused. Default 1,000. */
  readonly maxStreams: number;
  /** Longest time that a connection without a stream is kept, in milliseconds. Default 60,000. */
  readonly idleTimeoutMs: number;
  /** Longest time for a client to read a response after its end is written, in milliseconds. Default 10,000. */
  readonly responseTimeoutMs: number;
  /** Pings and settings that a peer may send in ten seconds; one more ends the connection. Default 1,000. */
  readonly maxControlFrames: number;
}

export const HTTP2_LIMITS: Http2Limits = {
  maxConnections: 11_000,
  maxStreams: 1_000,
  idleTimeoutMs: 60_000,
  responseTimeoutMs: 10_000,
  maxControlFrames: 1_000,
};

/** Size of all headers of a request. `node:http2` announces it to clients but does not enforce it. */
export const MAX_HEADER_BYTES = 16_384;

const CONTROL_WINDOW_MS = 10_000;
/** Time for a connection to end after it was told to. */
const GOODBYE_MS = 1_000;

/** The limits that `node:http2` enforces. Most are its defaults, repeated so that they stay. */
export function toServerOptions({ maxStreams }: Http2Limits): ServerOptions {
  return {
    settings: {
      enablePush: false,
      maxConcurrentStreams: maxStreams,
      maxHeaderListSize: MAX_HEADER_BYTES,
      initialWindowSize: 65_535,
    },
    maxHeaderListPairs: 64,
    // Entries of one SETTINGS frame.
    maxSettings: 32,
    // Megabytes of one connection's streams and queues.
    maxSessionMemory: 10,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    // Streams that a client may open and reset: in a burst, and then per second. A relay must not lose its
    // connection when all its mutations reach their deadlines.
    streamResetBurst: 2_000,
    streamResetRate: 200,
  };
}

/** Enforces the limits on one connection. Returns a function to call at the start of a stream, which returns one to call at its end. */
export function watchConnection(
  session: ServerHttp2Session,
  limits: Http2Limits,
): () => () => void {
  let streams = 0;
  let idleTimer: ReturnType<typeof setTimeout>;
  const leave = () => {
    session.close();
    idleTimer = setTimeout(() => session.destroy(), GOODBYE_MS);
  };
  const beIdle = () => {
    idleTimer = setTimeout(leave, limits.idleTimeoutMs);
  };

  let frames = 0;
  let windowEndsAtMs = 0;
  const countFrame = () => {
    const now = performance.now();
    if (now >= windowEndsAtMs) {
      frames = 0;
      windowEndsAtMs = now + CONTROL_WINDOW_MS;
    }
    if (++frames > limits.maxControlFrames && !session.destroyed)
      session.destroy(new Error("too many pings or settings"), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  };
  session.on("ping", countFrame);
  session.on("remoteSettings", countFrame);
  session.once("close", () => clearTimeout(idleTimer));
  beIdle();
  return () => {
    streams++;
    clearTimeout(idleTimer);
    return () => {
      streams--;
      if (streams === 0 && !session.closed && !session.destroyed) beIdle();
    };
  };
}
