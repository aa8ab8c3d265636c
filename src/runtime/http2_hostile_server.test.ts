/** The HTTP/2 client with servers that break the protocol: a request fails in time, and the client survives. */

import { type AddressInfo, createServer, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { END_HEADERS, encodeFrame, FRAME } from "../testing/raw_http2.ts";
import { createHttp2Transport } from "./http2_client.ts";
import { listenHttp2 } from "./http2_server.ts";

const LOOPBACK = { host: "127.0.0.1", port: 0 };
const SETTINGS = encodeFrame(FRAME.settings, 0, 0);
const PING = encodeFrame(FRAME.ping, 0, 0, new Uint8Array(8));
const GARBAGE = new Uint8Array(1_000).fill(255);

function encodeHeaders(...block: number[]): Buffer {
  return encodeFrame(FRAME.headers, END_HEADERS, 1, Buffer.from(block));
}

describe("createHttp2Transport() with hostile servers", () => {
  /** Starts a server that runs `greet` on each connection. Returns functions that send a request to it or to another port. */
  async function setUp(greet: (socket: Socket) => void) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.resume();
      greet(socket);
    });
    await new Promise<void>((resolve) => server.listen(LOOPBACK, resolve));
    const transport = createHttp2Transport({ connectTimeoutMs: 200, pingTimeoutMs: 50 });
    onTestFinished(async () => {
      await transport.close();
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const post = async (port: number, signal = AbortSignal.timeout(150)) => {
      const url = `http://127.0.0.1:${port}/`;
      const response = await transport.fetch(
        new Request(url, { method: "POST", body: "a", signal }),
      );
      return await response.text();
    };
    const { port } = server.address() as AddressInfo;
    return {
      hostile: () => post(port),
      friend: (port: number) => post(port, AbortSignal.timeout(5_000)),
    };
  }

  async function startFriend(): Promise<number> {
    const listener = await listenHttp2(
      async (request) => new Response(await request.text()),
      LOOPBACK,
    );
    onTestFinished(() => listener.close(0));
    return listener.port;
  }

  it.each<[string, ...bytes: (Uint8Array | "end")[]]>([
    ["says nothing"],
    ["hangs up", "end"],
    ["hangs up after its settings", SETTINGS, "end"],
    ["speaks HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")],
    ["speaks garbage", GARBAGE],
    ["speaks garbage after its settings", SETTINGS, GARBAGE],
    ["says goodbye at once", SETTINGS, encodeFrame(FRAME.goaway, 0, 0, new Uint8Array(8))],
    ["takes no streams", encodeFrame(FRAME.settings, 0, 0, Buffer.of(0, 3, 0, 0, 0, 0))],
    ["gives no window", encodeFrame(FRAME.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0))],
    ["responds with invalid headers", SETTINGS, encodeHeaders(255, 255, 255)],
    ["responds without a status", SETTINGS, encodeHeaders(0, 1, 97, 1, 98)],
    ["responds with only data", SETTINGS, encodeFrame(FRAME.data, 0, 1, Buffer.of(1))],
    ["resets the request", SETTINGS, encodeFrame(FRAME.rstStream, 0, 1, Buffer.of(0, 0, 0, 2))],
    ["floods with settings", ...Array.from({ length: 5_000 }, () => SETTINGS)],
    ["floods with pings", SETTINGS, ...Array.from({ length: 5_000 }, () => PING)],
  ])("fails when a server %s, and reaches others", async (_, ...bytes) => {
    const { hostile, friend } = await setUp((socket) => {
      socket.write(Buffer.concat(bytes.filter((piece) => piece !== "end")));
      if (bytes.at(-1) === "end") socket.end();
    });
    await expect(hostile()).rejects.toThrow();
    await expect(hostile()).rejects.toThrow();
    expect(await friend(await startFriend())).toBe("a");
  });

  it("fails or responds for any frames", async () => {
    let frames: Buffer[] = [];
    const { hostile, friend } = await setUp((socket) => {
      socket.write(Buffer.concat([SETTINGS, ...frames]));
      socket.end();
    });
    const frame = fc
      .record({
        type: fc.nat(12),
        flags: fc.nat(255),
        stream: fc.constantFrom(0, 1, 2, 3, 2 ** 31 - 1),
        payload: fc.uint8Array({ maxLength: 40 }),
      })
      .map(({ type, flags, stream, payload }) => encodeFrame(type, flags, stream, payload));
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { maxLength: 6 }), async (some) => {
        frames = some;
        await hostile().catch((error) => expect(error).toBeInstanceOf(Error));
      }),
      { numRuns: 150 },
    );
    expect(await friend(await startFriend())).toBe("a");
  });
});
