import { once } from "node:events";
import { createServer, type RequestListener, type ServerOptions } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { limitPipelining } from "./http1_pipeline.ts";
import type { FetchHandler } from "./listener.ts";
import { listenHttp } from "./node.ts";

/** Sends all of `text` over one connection. */
function send(port: number, text: string): Socket {
  const socket = connect(port, "127.0.0.1").on("error", () => {});
  onTestFinished(() => void socket.destroy());
  socket.write(text);
  return socket;
}

/** Listens with a bound of 16 requests and the options of `node:http`. */
async function listen(options: ServerOptions, listener: RequestListener) {
  const server = createServer({ connectionsCheckingInterval: 5, ...options });
  limitPipelining(server, 16, listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** Serves by `handle` and sends requests for the paths "/0", "/1" and so on. */
async function pipeline(count: number, handle: FetchHandler, body = ""): Promise<Socket> {
  const listener = await listenHttp(handle, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => listener.close(0));
  return send(listener.port, encodeRequests(count, body));
}

function encodeRequests(count: number, body = ""): string {
  const rest = `HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  return Array.from({ length: count }, (_, i) => `POST /${i} ${rest}`).join("");
}

function pathOf(request: Request): string {
  return new URL(request.url).pathname;
}

/** Reads responses whose bodies are a path and a semicolon, until there are `count`. */
async function expectPaths(socket: Socket, count: number): Promise<void> {
  let received = "";
  let paths: string[] = [];
  for await (const chunk of socket) {
    received += chunk;
    if (received.endsWith(";")) paths = received.match(/\/\d+;/g) ?? [];
    if (paths.length >= count) break;
  }
  expect(paths).toEqual(Array.from({ length: count }, (_, i) => `/${i};`));
}

describe("limitPipelining()", () => {
  it("runs 16 requests of a connection at once, and responds to all in order", async () => {
    let running = 0;
    let most = 0;
    const socket = await pipeline(1_000, async (request) => {
      most = Math.max(most, ++running);
      await setImmediate();
      running--;
      return new Response(`${pathOf(request)};`);
    });
    await expectPaths(socket, 1_000);
    expect(most).toBe(16);
  });

  it("reads the bodies of requests that have waited", async () => {
    const body = "a".repeat(100_000);
    const handle: FetchHandler = async (request) => {
      const { length } = await request.text();
      return new Response(`${length === body.length ? pathOf(request) : length};`);
    };
    await expectPaths(await pipeline(100, handle, body), 100);
  });

  it("does not read a connection whose requests wait", async () => {
    let parsed = 0;
    let ended = 0;
    let most = 0;
    const { server, port } = await listen({}, async (request, response) => {
      await setImmediate();
      ended++;
      response.end(`${request.url};`);
    });
    server.prependListener("request", () => {
      most = Math.max(most, ++parsed - ended);
    });
    // 3 MB; a chunk of 64 KiB holds about 60 requests.
    await expectPaths(send(port, encodeRequests(3_000, "a".repeat(1_000))), 3_000);
    expect(most).toBeLessThan(100);
  });

  it("does not count the time in which it does not read towards a request's timeout", async () => {
    const release = Promise.withResolvers<void>();
    const { server, port } = await listen({ requestTimeout: 20 }, async (request, response) => {
      await release.promise;
      response.end(`${request.url};`);
    });
    const tooLate = once(server, "clientError");
    const requests = encodeRequests(20);
    const socket = send(port, requests.slice(0, -1));
    await tooLate;
    socket.write(requests.slice(-1));
    release.resolve();
    await expectPaths(socket, 20);
  });

  it.each([
    ["408 Request Timeout", "GET / HTTP/1.1\r\n"],
    ["400 Bad Request", "nonsense\r\n\r\n"],
    ["431 Request Header Fields Too Large", `GET / HTTP/1.1\r\na: ${"a".repeat(20_000)}\r\n`],
  ])("responds to a broken request with %s", async (status, sent) => {
    const { port } = await listen({ requestTimeout: 20 }, () => {});
    expect(await text(send(port, sent))).toBe(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
  });

  it.each([
    ["whose turn has not come", 10],
    ["whose connection is not read, once a response cannot be sent", 100],
  ])("aborts requests %s, and starts no others, when the client leaves", async (_, count) => {
    const first = Promise.withResolvers<Response>();
    const full = Promise.withResolvers<void>();
    const aborted: Promise<void>[] = [];
    const socket = await pipeline(count, ({ signal }) => {
      aborted.push(new Promise((resolve) => signal.addEventListener("abort", () => resolve())));
      if (aborted.length === Math.min(count, 16)) full.resolve();
      return aborted.length === 1 ? first.promise : new Promise(() => {});
    });
    await full.promise;
    socket.resetAndDestroy();
    if (count > 16) first.resolve(new Response());
    await Promise.all(aborted.slice(1));
    expect(aborted.length).toBeLessThan(20);
  });
});
