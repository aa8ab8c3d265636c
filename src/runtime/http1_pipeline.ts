/** Bounds how many requests of one HTTP/1.1 connection run at once: `node:http` starts all that a client pipelines. */

import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Has `listener` handle the requests of `server`, at most `maxRequests` of each connection at once.
 * Further requests wait in order, and the connection is not read meanwhile: at most the requests of
 * one chunk (64 KiB) wait. A request that is only partly read when reading stops still has to arrive
 * within the server's request timeout. While the connection is not read, the server learns that its
 * client has left only when it sends the next response.
 */
export function limitPipelining(
  server: Server,
  maxRequests: number,
  listener: RequestListener,
): void {
  const pipelines = new WeakMap<Socket, Pipeline>();
  server.on("connection", (socket) =>
    pipelines.set(socket, new Pipeline(socket, maxRequests, listener)),
  );
  server.on("request", (request, response) =>
    pipelines.get(request.socket)?.receive(request, response),
  );
}

/** The requests of one connection. */
class Pipeline {
  readonly #socket: Socket;
  readonly #maxRequests: number;
  readonly #listener: RequestListener;
  #running = 0;
  // Invariant: while requests wait, the socket is paused.
  readonly #waiting: [IncomingMessage, ServerResponse][] = [];

  constructor(socket: Socket, maxRequests: number, listener: RequestListener) {
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
    if (this.#running < this.#maxRequests) {
      this.#start(request, response);
    } else {
      this.#waiting.push([request, response]);
      this.#stopReading();
    }
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
    this.#running++;
    response.once("close", () => {
      this.#running--;
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#start(...next);
      if (this.#waiting.length === 0) this.#socket.resume();
    });
    this.#listener(request, response);
  }
}
