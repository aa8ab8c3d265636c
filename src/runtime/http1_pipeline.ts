/** Bounds how many requests of one HTTP/1.1 connection run at once: `node:http` starts all that a client pipelines. */

import {
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Duplex } from "node:stream";

/** Statuses for the errors of a connection; 400 for others. */
const STATUSES: Readonly<Record<string, number>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 408,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  HPE_HEADER_OVERFLOW: 431,
};

/**
 * Has `listener` handle the requests of `server`, at most `maxRequests` of each connection at once.
 * Further requests wait in order, and the connection is not read meanwhile: at most the requests of
 * one chunk (64 KiB) wait. While the connection is not read, the server learns that its client has
 * left only when it sends the next response.
 */
export function limitPipelining(
  server: Server,
  maxRequests: number,
  listener: RequestListener,
): void {
  const pipelines = new WeakMap<Duplex, Pipeline>();
  server.on("connection", (socket) =>
    pipelines.set(socket, new Pipeline(socket, maxRequests, listener)),
  );
  server.on("request", (request, response) =>
    pipelines.get(request.socket)?.receive(request, response),
  );
  server.on("clientError", (error, socket) => pipelines.get(socket)?.fail(error));
}

/** The requests of one connection. */
class Pipeline {
  readonly #socket: Duplex;
  readonly #maxRequests: number;
  readonly #listener: RequestListener;
  /** In the order of their requests. */
  readonly #running = new Set<ServerResponse>();
  // Invariant: while requests wait, the socket is paused.
  readonly #waiting: [IncomingMessage, ServerResponse][] = [];
  /** Whether the next request may be late because the connection was not read. */
  #isDelayed = false;

  constructor(socket: Duplex, maxRequests: number, listener: RequestListener) {
    this.#socket = socket;
    this.#maxRequests = maxRequests;
    this.#listener = listener;
    // `node:http` resumes the socket by itself, for example when it has parsed a whole request.
    socket.on("resume", () => {
      if (this.#waiting.length > 0) this.#stopReading();
    });
    // The end of a connection closes its responses, each of which would start the next request.
    socket.once("close", () => {
      this.#waiting.length = 0;
    });
  }

  receive(request: IncomingMessage, response: ServerResponse): void {
    this.#isDelayed = this.#running.size >= this.#maxRequests;
    if (this.#isDelayed) {
      this.#waiting.push([request, response]);
      this.#stopReading();
    } else {
      this.#start(request, response);
    }
  }

  /**
   * Ends the connection after an error, as `node:http` does without a listener for "clientError". A
   * delayed request is not too late; `node:http` then limits only the silence of its client, by the
   * keep-alive timeout.
   */
  fail(error: NodeJS.ErrnoException): void {
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT" && this.#isDelayed) return;
    const [current] = this.#running;
    if (this.#socket.writable && !current?.headersSent) {
      const status = STATUSES[error.code ?? ""] ?? 400;
      this.#socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
    }
    this.#socket.destroy(error);
  }

  /**
   * `node:http` stops reading at the event "pause". `pause()` does not emit it for a stream that is
   * paused already, although reading may have started again since, by a `resume()` before.
   */
  #stopReading(): void {
    this.#socket.pause();
    this.#socket.emit("pause");
  }

  #start(request: IncomingMessage, response: ServerResponse): void {
    this.#running.add(response);
    response.once("close", () => {
      this.#running.delete(response);
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#start(...next);
      if (this.#waiting.length === 0) this.#socket.resume();
    });
    this.#listener(request, response);
  }
}
