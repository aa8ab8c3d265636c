/** One side of a bare TCP connection, for round trips of one byte. */

import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { serve } from "./child.bench.ts";

const INTERVAL_MS = 7;

let socket: Socket;
let trips: number[] = [];
let timer: ReturnType<typeof setInterval>;

const commands = {
  /** Listens, and sends back what arrives. Returns the port. */
  async listen() {
    const server = createServer({ noDelay: true }, (far) => far.pipe(far));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as AddressInfo).port;
  },
  async connect(port: number) {
    socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await new Promise<void>((resolve) => socket.once("connect", resolve));
  },
  /** Starts to send a byte every {@linkcode INTERVAL_MS}. */
  begin() {
    trips = [];
    const sentMs: number[] = [];
    socket.removeAllListeners("data");
    socket.on("data", (bytes) => {
      for (let i = 0; i < bytes.length; i++) trips.push(performance.now() - sentMs.shift()!);
    });
    timer = setInterval(() => {
      sentMs.push(performance.now());
      socket.write("x");
    }, INTERVAL_MS);
  },
  /** Stops. Returns the round trips, in milliseconds. */
  end() {
    clearInterval(timer);
    return Float64Array.from(trips);
  },
};

export type PingCommands = typeof commands;

serve(commands);
