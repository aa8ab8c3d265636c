/** A TCP relay between a client and a server that can be cut like a cable: nothing passes, and nobody is told. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

const HOST = "127.0.0.1";

export class TcpRelay {
  readonly #server;
  readonly #sockets = new Set<Socket>();
  readonly #cut = new WeakSet<Socket>();
  #connections = 0;

  private constructor(targetPort: number) {
    this.#server = createServer((near) => {
      this.#connections++;
      const far = connect(targetPort, HOST);
      this.#pass(near, far);
      this.#pass(far, near);
    });
  }

  /** Listens on a free port of loopback for connections to `targetPort`. */
  static async listen(targetPort: number): Promise<TcpRelay> {
    const relay = new TcpRelay(targetPort);
    await new Promise<void>((resolve) => relay.#server.listen(0, HOST, resolve));
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many connections were made. */
  get connections(): number {
    return this.#connections;
  }

  /** From now on nothing passes on the connections that there are; new ones work. */
  cut(): void {
    for (const socket of this.#sockets) this.#cut.add(socket);
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #pass(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.on("data", (data) => {
      if (!this.#cut.has(from)) to.write(data);
    });
    from.on("error", () => {});
    from.on("close", () => {
      this.#sockets.delete(from);
      if (!this.#cut.has(from)) to.destroy();
    });
  }
}
