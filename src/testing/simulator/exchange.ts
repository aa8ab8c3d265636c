/** One request and its response on a link, and every way in which they can end. */

import type { Direction, Link } from "./link.ts";
import type { SimProcess } from "./process.ts";

export interface ExchangeHost {
  /** The process that a request reaches, or why there is none. */
  accept(address: string): { process: SimProcess; serve: Serve } | "refuses" | "is dark";
  /** The server's process has just opened a Subscribe stream. */
  opened(exchange: Exchange): void;
  /** A piece was read from the server's stream. */
  taken(exchange: Exchange, piece: Uint8Array): void;
  /** A piece reached the client. */
  arrived(exchange: Exchange, piece: Uint8Array): void;
  /** Both sides have finished. */
  ended(exchange: Exchange): void;
}

/** The reason with which a server's request ends; shared, as errors are slow to create. */
const GONE = new DOMException("The client is gone", "AbortError");

type Serve = (request: Request) => Promise<Response>;

export class Exchange {
  readonly link: Link;
  readonly client: SimProcess;
  readonly isStream: boolean;
  server: SimProcess | undefined = undefined;
  readonly response: Promise<Response>;
  readonly #host: ExchangeHost;
  readonly #request: Request;
  readonly #responded = Promise.withResolvers<Response>();
  /** Held so that the request and its signal are not collected before the exchange. */
  #serverRequest: Request | undefined = undefined;
  readonly #serverAbort = new AbortController();
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined = undefined;
  #clientBody: ReadableStreamDefaultController<Uint8Array> | undefined = undefined;
  #isClientDone = false;
  #isServerDone = false;
  #isVoid = false;
  #bytesInFlight = 0;
  #room: PromiseWithResolvers<void> | undefined = undefined;

  constructor(
    link: Link,
    client: SimProcess,
    request: Request,
    body: Uint8Array<ArrayBuffer>,
    host: ExchangeHost,
  ) {
    this.link = link;
    this.client = client;
    this.#request = request;
    this.#host = host;
    this.isStream = request.url.endsWith("/Subscribe");
    this.response = this.#responded.promise;
    request.signal.addEventListener("abort", () => this.#clientLeaves(request.signal.reason), {
      once: true,
    });
    this.#send("up", () => this.#accept(this.isStream ? this.#corrupt(body) : body));
  }

  /** Whether nothing gets through any more, in either direction. */
  get isVoid(): boolean {
    return this.#isVoid;
  }

  get isOver(): boolean {
    return this.#isClientDone && this.#isServerDone;
  }

  /** Loses everything in flight and everything sent from now on; neither side notices. */
  void(): void {
    this.#isVoid = true;
  }

  /** The client sees the connection break, once it runs. */
  breakClient(): void {
    this.client.post(() => this.#failClient(new Error("ECONNRESET")));
  }

  /** The server sees the connection break, once it runs. */
  breakServer(): void {
    if (this.server === undefined) this.#endServer();
    else this.server.post(() => this.#endServer());
  }

  /** The process of one side ended. `isNoticed`: its system closes the connection, so that the other side notices. */
  clientDied(isNoticed: boolean): void {
    this.#isClientDone = true;
    if (isNoticed) this.#send("up", () => this.breakServer());
    else this.void();
    this.#settle();
  }

  serverDied(isNoticed: boolean): void {
    this.#isServerDone = true;
    if (isNoticed) this.#send("down", () => this.breakClient());
    else this.void();
    this.#settle();
  }

  #send(direction: Direction, arrive: () => void, tear?: () => void): void {
    const isVoid = () => this.#isVoid;
    if (!this.link.send(direction, { isVoid, arrive, ...(tear && { tear }) })) this.void();
  }

  #accept(body: Uint8Array<ArrayBuffer>): void {
    const host = this.#host.accept(this.link.server);
    if (typeof host === "string") {
      if (host === "is dark") this.void();
      this.#send("down", () => this.client.post(() => this.#failClient(new Error("ECONNREFUSED"))));
      this.#endServer();
      return;
    }
    this.server = host.process;
    host.process.post(() => void this.#serve(host.serve, body));
  }

  async #serve(serve: Serve, body: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#isServerDone) return;
    const { url, method, headers } = this.#request;
    const { signal } = this.#serverAbort;
    this.#serverRequest = new Request(url, { method, headers, body, signal });
    const response = await serve(this.#serverRequest);
    const { status } = response;
    const head = { status, headers: response.headers };
    const hasBody = response.body !== null;
    if (!this.server!.isAlive) return;
    if (this.isStream) this.#host.opened(this);
    this.#send("down", () => this.client.post(() => this.#takeHead(head, hasBody)));
    if (response.body === null) return this.#endServer();
    this.#reader = response.body.getReader();
    if (this.#isServerDone) return void this.#reader.cancel().catch(() => {});
    await this.#pump(this.#reader);
  }

  /** Delivers the server's stream, as far as the window of the link allows. */
  async #pump(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    const server = this.server!;
    try {
      for (;;) {
        while (this.#bytesInFlight >= this.link.profile.windowBytes) {
          this.#room = Promise.withResolvers();
          await this.#room.promise;
        }
        const { done, value } = await reader.read();
        if (!server.isAlive || this.#isServerDone) return;
        if (done) {
          this.#send("down", () => this.client.post(() => this.#endClient()));
          return this.#endServer();
        }
        this.#host.taken(this, value);
        for (const piece of this.#split(value)) this.#sendPiece(piece);
      }
    } catch {
      if (!server.isAlive || this.#isServerDone) return;
      this.#send("down", () => this.breakClient());
      this.#endServer();
    }
  }

  #sendPiece(whole: Uint8Array): void {
    const piece = this.isStream ? this.#corrupt(whole) : whole;
    this.#bytesInFlight += piece.length;
    this.#send(
      "down",
      () => this.client.post(() => this.#takePiece(piece)),
      () => {
        const part = piece.subarray(0, this.link.random.int(0, piece.length - 1));
        if (part.length > 0 && this.#clientBody !== undefined)
          this.client.post(() => this.#takePiece(part));
      },
    );
  }

  #takeHead(head: ResponseInit, hasBody: boolean): void {
    if (this.#isClientDone) return;
    if (!hasBody) {
      this.#responded.resolve(new Response(null, head));
      this.#finishClient();
      return;
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#clientBody = controller;
      },
      cancel: (reason) => this.#clientLeaves(reason),
    });
    this.#responded.resolve(new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, head));
  }

  #takePiece(piece: Uint8Array): void {
    this.#bytesInFlight -= piece.length;
    const room = this.#room;
    if (room !== undefined && this.#bytesInFlight < this.link.profile.windowBytes) {
      this.#room = undefined;
      this.server!.post(room.resolve);
    }
    if (this.#isClientDone) return;
    this.#host.arrived(this, piece);
    this.#clientBody!.enqueue(piece);
  }

  #clientLeaves(reason: unknown): void {
    if (this.#isClientDone) return;
    this.#failClient(reason);
    this.#send("up", () => this.breakServer());
  }

  #failClient(reason: unknown): void {
    if (this.#isClientDone) return;
    if (this.#clientBody === undefined) this.#responded.reject(reason);
    else {
      try {
        this.#clientBody.error(reason);
      } catch {
        // The stream was canceled on this side: there is no reader left.
      }
    }
    this.#finishClient();
  }

  #endClient(): void {
    if (this.#isClientDone) return;
    this.#clientBody!.close();
    this.#finishClient();
  }

  #endServer(): void {
    if (this.#isServerDone) return;
    this.#isServerDone = true;
    this.#serverAbort.abort(GONE);
    this.#reader?.cancel().catch(() => {});
    this.#room?.resolve();
    this.#settle();
  }

  #finishClient(): void {
    this.#isClientDone = true;
    this.#settle();
  }

  #settle(): void {
    if (this.isOver) this.#host.ended(this);
  }

  #split(bytes: Uint8Array): Uint8Array[] {
    const { profile, random } = this.link;
    if (profile.pieceBytes === 0) return [bytes];
    const pieces: Uint8Array[] = [];
    // A long message is cut into a few pieces, not into thousands.
    const most = Math.max(profile.pieceBytes, Math.ceil(bytes.length / 8));
    for (let at = 0; at < bytes.length; ) {
      const length = random.int(1, most);
      pieces.push(bytes.subarray(at, at + length));
      at += length;
    }
    return pieces;
  }

  #corrupt<T extends Uint8Array>(bytes: T): T {
    const { corruptOneIn, random } = this.link;
    if (corruptOneIn === 0 || bytes.length === 0 || !random.chance(1 / corruptOneIn)) return bytes;
    const flipped = bytes.slice() as T;
    const place = random.int(0, flipped.length - 1);
    flipped[place]! ^= 1 << random.int(0, 7);
    return flipped;
  }
}
