/** A network in memory: addresses with a server behind each, and faults that the test makes. */

import type { Transport } from "../replication/mod.ts";

type Server = (request: Request) => Promise<Response>;

/** One open exchange between a client and a server. */
interface Exchange {
  readonly address: string;
  readonly cut: (reason: Error) => void;
}

export class MemoryNetwork {
  readonly #servers = new Map<string, Server>();
  readonly #exchanges = new Set<Exchange>();
  /** Address and path of every request, in order. */
  readonly requests: string[] = [];
  /** Changes the body of each request on its way to a server. */
  onRequest: (path: string, body: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (_, body) =>
    body;
  /** Changes or drops each piece on its way to a client; undefined drops it. */
  onPiece: (address: string, piece: Uint8Array) => Uint8Array | undefined = (_, piece) => piece;

  /** Puts a server behind an address. Returns a function that removes it and cuts its open exchanges. */
  listen(address: string, server: Server): () => void {
    this.#servers.set(address, server);
    return () => {
      this.#servers.delete(address);
      this.cut(address);
    };
  }

  /** Breaks every open exchange with an address. */
  cut(address: string): void {
    for (const exchange of [...this.#exchanges]) {
      if (exchange.address === address) exchange.cut(new Error("ECONNRESET"));
    }
  }

  /** Sends the request to the server behind another address. */
  forward(address: string, request: Request): Promise<Response> {
    const server = this.#servers.get(address);
    if (server === undefined) throw new Error("ECONNREFUSED");
    return server(request);
  }

  get open(): number {
    return this.#exchanges.size;
  }

  readonly transport: Transport = async (request) => {
    const { host: address, pathname } = new URL(request.url);
    this.requests.push(`${address}${pathname}`);
    const server = this.#servers.get(address);
    if (server === undefined) throw new Error("ECONNREFUSED");
    const serverSide = new AbortController();
    const response = await server(
      new Request(request.url, {
        method: request.method,
        headers: request.headers,
        body: this.onRequest(pathname, new Uint8Array(await request.arrayBuffer())),
        signal: serverSide.signal,
      }),
    );
    request.signal.throwIfAborted();
    if (response.body === null) return response;
    return new Response(this.#carry(address, response.body, request.signal, serverSide), response);
  };

  #carry(
    address: string,
    body: ReadableStream<Uint8Array>,
    signal: AbortSignal,
    serverSide: AbortController,
  ): ReadableStream<Uint8Array> {
    const reader = body.getReader();
    let client: ReadableStreamDefaultController<Uint8Array>;
    const exchange: Exchange = {
      address,
      cut: (reason) => {
        this.#exchanges.delete(exchange);
        serverSide.abort(reason);
        reader.cancel(reason).catch(() => {});
        try {
          client.error(reason);
        } catch {
          // The client has already left.
        }
      },
    };
    const onAbort = () => exchange.cut(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    this.#exchanges.add(exchange);
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          client = controller;
        },
        pull: async (controller) => {
          for (;;) {
            const { done, value } = await reader.read();
            if (done) {
              if (this.#exchanges.delete(exchange)) controller.close();
              return;
            }
            const piece = this.onPiece(address, value);
            if (piece === undefined) continue;
            controller.enqueue(piece);
            return;
          }
        },
        cancel: (reason) => exchange.cut(reason),
      },
      { highWaterMark: 0 },
    );
  }
}
