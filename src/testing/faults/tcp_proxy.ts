/** A TCP proxy on the loopback with the faults of networks: it delays, throttles, cuts, black-holes and refuses connections. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { systemTime, type TimeSource } from "../../replication/mod.ts";
import { type Shape, TcpPipe } from "./tcp_pipe.ts";

const HOST = "127.0.0.1";

/** Direction of bytes: the client is the side that opened the connection. */
export type Direction = "to_client" | "to_server";
const BOTH: readonly Direction[] = ["to_client", "to_server"];

export interface TcpProxyOptions {
  readonly time?: TimeSource;
  /** Returns a number in [0, 1), for jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: Readonly<Record<Direction, TcpPipe>>;
  /** It forwards nothing any more, also after `heal()`. */
  isStranded: boolean;
}

/**
 * Forwards bytes between clients and one server. Faults apply to existing and to new connections, until
 * {@linkcode heal}.
 */
export class TcpProxy {
  readonly #target: () => number | undefined;
  readonly #options: Required<TcpProxyOptions>;
  readonly #server;
  readonly #connections = new Set<Connection>();
  readonly #shapes: Record<Direction, Shape> = { to_client: {}, to_server: {} };
  readonly #held = new Set<Direction>();
  readonly #bytes: Record<Direction, number> = { to_client: 0, to_server: 0 };
  #isRefusing = false;
  #attempts = 0;

  private constructor(target: () => number | undefined, options: TcpProxyOptions) {
    this.#target = target;
    this.#options = { time: options.time ?? systemTime, random: options.random ?? Math.random };
    // The end of each side is forwarded separately.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
  }

  /** Listens on a free port, and connects to port `target` of the loopback, or to its current result; undefined for no server. */
  static async listen(
    target: number | (() => number | undefined),
    options: TcpProxyOptions = {},
  ): Promise<TcpProxy> {
    const proxy = new TcpProxy(typeof target === "number" ? () => target : target, options);
    await new Promise<void>((resolve) => proxy.#server.listen(0, HOST, resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `${HOST}:${this.port}`;
  }

  /** Number of connections so far, refused ones included. */
  get attempts(): number {
    return this.#attempts;
  }

  /** Number of open connections. */
  get open(): number {
    return this.#connections.size;
  }

  /** Bytes forwarded so far. */
  get bytes(): Readonly<Record<Direction, number>> {
    return this.#bytes;
  }

  /** Bytes read from one side and not forwarded yet. */
  get waiting(): Readonly<Record<Direction, number>> {
    const waiting = { to_client: 0, to_server: 0 };
    for (const { pipes } of this.#connections)
      for (const direction of BOTH) waiting[direction] += pipes[direction].waitingBytes;
    return waiting;
  }

  /** Delays or throttles bytes; replaces the last shape. */
  shape(shape: Shape, directions: readonly Direction[] = BOTH): void {
    for (const direction of directions) {
      this.#shapes[direction] = shape;
      for (const { pipes } of this.#connections) pipes[direction].shape = shape;
    }
  }

  /** Forwards nothing, and neither side notices. Bytes wait until {@linkcode heal}, as by retransmission. */
  blackHole(directions: readonly Direction[] = BOTH): void {
    for (const direction of directions) {
      this.#held.add(direction);
      for (const { pipes } of this.#connections) pipes[direction].isHeld = true;
    }
  }

  /** Forwards nothing any more on existing connections, and neither side notices; new connections work. */
  strand(): void {
    for (const connection of this.#connections) {
      connection.isStranded = true;
      for (const direction of BOTH) connection.pipes[direction].isHeld = true;
    }
  }

  /** Ends existing connections, cleanly (`fin`, both ways) or by a reset (`rst`); waiting bytes are lost. */
  cut(how: "fin" | "rst"): void {
    for (const { client, server, pipes } of [...this.#connections]) {
      for (const direction of BOTH) pipes[direction].stop();
      for (const socket of [client, server]) {
        // Each side keeps reading until the end of the other side.
        socket.resume();
        if (how === "rst") socket.resetAndDestroy();
        else socket.end();
      }
    }
  }

  /** Resets new connections at once; existing ones continue. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Ends all faults. */
  heal(): void {
    this.#isRefusing = false;
    this.#held.clear();
    this.shape({});
    for (const { pipes, isStranded } of this.#connections) {
      if (!isStranded) for (const direction of BOTH) pipes[direction].isHeld = false;
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { client, server } of this.#connections) {
      client.destroy();
      server.destroy();
    }
    await closed;
  }

  #accept(client: Socket): void {
    this.#attempts++;
    const port = this.#isRefusing ? undefined : this.#target();
    if (port === undefined) {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true });
    const pipe = (from: Socket, to: Socket, direction: Direction) => {
      const made = new TcpPipe(from, to, {
        ...this.#options,
        onBytes: (length) => {
          this.#bytes[direction] += length;
        },
      });
      made.shape = this.#shapes[direction];
      made.isHeld = this.#held.has(direction);
      return made;
    };
    const connection: Connection = {
      client,
      server,
      pipes: {
        to_client: pipe(server, client, "to_client"),
        to_server: pipe(client, server, "to_server"),
      },
      isStranded: false,
    };
    this.#connections.add(connection);
    for (const socket of [client, server]) {
      socket.once("close", () => {
        if (client.destroyed && server.destroyed) this.#connections.delete(connection);
      });
    }
  }
}
