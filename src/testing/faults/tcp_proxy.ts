/** A TCP proxy on loopback that does to connections what networks do: delays, throttles, cuts, black-holes and refuses them. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { systemTime, type TimeSource } from "../../replication/mod.ts";
import { type Shape, TcpPipe } from "./tcp_pipe.ts";

const HOST = "127.0.0.1";

/** Which way bytes go: the client is who made the connection. */
export type Direction = "to_client" | "to_server";
const BOTH: readonly Direction[] = ["to_client", "to_server"];

export interface TcpProxyOptions {
  readonly time?: TimeSource;
  /** Gives [0, 1), for jitter. Default: `Math.random`. */
  readonly random?: () => number;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly pipes: Readonly<Record<Direction, TcpPipe>>;
  /** Nothing passes on it any more, whatever heals. */
  isStranded: boolean;
}

/**
 * Passes bytes between clients and one server. Faults apply to the connections there are and to
 * those to come, until {@linkcode heal}.
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
    // Each side's end is passed on by itself.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) =>
      this.#accept(client),
    );
  }

  /** Listens on a free port, for connections to `target` on loopback, or to where it points by then; undefined is nowhere. */
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

  /** How many connections were asked for so far, refused ones too. */
  get attempts(): number {
    return this.#attempts;
  }

  /** How many connections there are. */
  get open(): number {
    return this.#connections.size;
  }

  /** Bytes passed on so far. */
  get bytes(): Readonly<Record<Direction, number>> {
    return this.#bytes;
  }

  /** Bytes that were taken from one side and are still to be passed on to the other. */
  get waiting(): Readonly<Record<Direction, number>> {
    const waiting = { to_client: 0, to_server: 0 };
    for (const { pipes } of this.#connections)
      for (const direction of BOTH) waiting[direction] += pipes[direction].waitingBytes;
    return waiting;
  }

  /** Delays or throttles what passes; replaces the shape that was. */
  shape(shape: Shape, directions: readonly Direction[] = BOTH): void {
    for (const direction of directions) {
      this.#shapes[direction] = shape;
      for (const { pipes } of this.#connections) pipes[direction].shape = shape;
    }
  }

  /** Nothing passes, and nobody is told. What is sent meanwhile waits, as by retransmission, until {@linkcode heal}. */
  blackHole(directions: readonly Direction[] = BOTH): void {
    for (const direction of directions) {
      this.#held.add(direction);
      for (const { pipes } of this.#connections) pipes[direction].isHeld = true;
    }
  }

  /** Nothing passes any more on the connections there are, and nobody is told; new ones work. */
  strand(): void {
    for (const connection of this.#connections) {
      connection.isStranded = true;
      for (const direction of BOTH) connection.pipes[direction].isHeld = true;
    }
  }

  /** Ends the connections there are, in order (`fin`, both ways) or by a reset (`rst`); what waits in them is lost. */
  cut(how: "fin" | "rst"): void {
    for (const { client, server, pipes } of [...this.#connections]) {
      for (const direction of BOTH) pipes[direction].stop();
      for (const socket of [client, server]) {
        // Whoever is told goes on reading to the end, which comes with the other side's own.
        socket.resume();
        if (how === "rst") socket.resetAndDestroy();
        else socket.end();
      }
    }
  }

  /** New connections are reset at once; those there are go on. */
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
