import { createServer as createHttp2Server } from "node:http2";
import { type AddressInfo, createServer } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it, onTestFinished } from "vitest";
import { TcpProxy } from "../testing/faults/mod.ts";
import { createHttp2Transport, type Http2TransportOptions } from "./http2_client.ts";
import { listenHttp2 } from "./http2_server.ts";
import type { FetchHandler, Listener } from "./listener.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

const LOOPBACK = { host: "127.0.0.1", port: 0 };

/** A stream that yields one byte and stays open; `done` resolves when it is canceled. */
function held() {
  const { promise: done, resolve } = Promise.withResolvers<string>();
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(Uint8Array.of(1)),
    cancel: () => resolve("canceled"),
  });
  return { body, done };
}

/** Responds to "/flood" with an endless stream, and counts its pulls. */
function createFlood() {
  const flood = { pulls: 0, fail: (_: Error) => {}, handle };
  function handle(request: Request): Response {
    if (new URL(request.url).pathname !== "/flood") return new Response("a");
    return new Response(
      new ReadableStream({
        start: (controller) => {
          flood.fail = (error) => controller.error(error);
        },
        pull: (controller) => {
          flood.pulls++;
          controller.enqueue(new Uint8Array(1_000));
        },
      }),
    );
  }
  return flood;
}

/** Sends requests until the flood stops meanwhile. */
async function untilStalled(flood: { readonly pulls: number }, post: () => Promise<Response>) {
  for (let before = -1; before !== flood.pulls; ) {
    before = flood.pulls;
    await (await post()).text();
  }
}

describe("createHttp2Transport() and listenHttp2()", () => {
  async function serve(handle: FetchHandler, port = 0): Promise<Listener> {
    const listener = await listenHttp2(handle, { ...LOOPBACK, port });
    onTestFinished(() => listener.close(0));
    return listener;
  }

  function setUp(options: Http2TransportOptions = {}) {
    const transport = createHttp2Transport(options);
    onTestFinished(() => transport.close());
    return {
      close: () => transport.close(),
      post: (port: number, init: { body?: string; signal?: AbortSignal; path?: string } = {}) =>
        transport.fetch(
          new Request(`http://127.0.0.1:${port}${init.path ?? "/"}`, {
            method: "POST",
            headers: { "x-test": "1" },
            body: init.body ?? "",
            signal: init.signal ?? null,
          }),
        ),
    };
  }

  async function proxyTo(port: number): Promise<TcpProxy> {
    const proxy = await TcpProxy.listen(port);
    onTestFinished(() => proxy.close());
    return proxy;
  }

  it("carry method, path, headers, body and status", async () => {
    const { port } = await serve(async (request) =>
      Response.json(
        {
          method: request.method,
          path: new URL(request.url).pathname,
          header: request.headers.get("x-test"),
          body: await request.text(),
        },
        { status: 418, headers: { "x-answer": "a" } },
      ),
    );
    const response = await setUp().post(port, { path: "/a/b", body: "hello" });
    expect(response.status).toBe(418);
    expect(response.headers.get("x-answer")).toBe("a");
    expect(await response.json()).toEqual({
      method: "POST",
      path: "/a/b",
      header: "1",
      body: "hello",
    });
  });

  it("accept no pushes from a server", async () => {
    const server = createHttp2Server();
    onTestFinished(() => void server.close());
    const { promise: pushAllowed, resolve } = Promise.withResolvers<boolean>();
    server.on("stream", (stream) => {
      resolve(stream.pushAllowed);
      stream.respond({ ":status": 200 }, { endStream: true });
    });
    await new Promise<void>((listening) => server.listen(LOOPBACK, listening));
    await setUp().post((server.address() as AddressInfo).port);
    expect(await pushAllowed).toBe(false);
  });

  it.each(["GET", "POST"])("carry a %s without a body", async (method) => {
    const { port } = await serve(async (request) =>
      Response.json([request.method, await request.text()]),
    );
    const transport = createHttp2Transport();
    onTestFinished(() => transport.close());
    const response = await transport.fetch(new Request(`http://127.0.0.1:${port}/`, { method }));
    expect(await response.json()).toEqual([method, ""]);
  });

  it("carry many requests and a long stream at once on one connection", async () => {
    const { promise: allThere, resolve } = Promise.withResolvers<void>();
    let count = 0;
    const { body } = held();
    const server = await serve(async (request) => {
      if (new URL(request.url).pathname === "/held") return new Response(body);
      if (++count === 200) resolve();
      await allThere;
      return new Response(await request.text());
    });
    const through = await proxyTo(server.port);
    const { post } = setUp();
    const reader = (await post(through.port, { path: "/held" })).body!.getReader();
    expect((await reader.read()).value).toEqual(Uint8Array.of(1));
    const texts = await Promise.all(
      Array.from({ length: 200 }, async (_, i) =>
        (await post(through.port, { body: `${i}` })).text(),
      ),
    );
    expect(texts).toEqual(Array.from({ length: 200 }, (_, i) => `${i}`));
    expect(through.attempts).toBe(1);
  });

  it.each(["abort", "cancel"] as const)(
    "tell the server about %s of an open stream",
    async (how) => {
      const { body, done } = held();
      const { promise: aborted, resolve } = Promise.withResolvers<void>();
      const { port } = await serve((request) => {
        request.signal.addEventListener("abort", () => resolve());
        return new Response(body);
      });
      const abort = new AbortController();
      const reader = (await setUp().post(port, { signal: abort.signal })).body!.getReader();
      await reader.read();
      const next = reader.read();
      if (how === "abort") {
        abort.abort(new Error("enough"));
        await expect(next).rejects.toThrow("enough");
      } else {
        await reader.cancel();
        expect((await next).done).toBe(true);
      }
      await aborted;
      expect(await done).toBe("canceled");
    },
  );

  it("obey a late abort when nothing else references the request", async () => {
    const { body, done } = held();
    const { port } = await serve(() => new Response(body));
    const { post } = setUp();
    const abort = new AbortController();
    const reader = (await post(port, { signal: abort.signal })).body!.getReader();
    await reader.read();
    // A weak reference keeps its target alive until the end of the current task.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    abort.abort(new Error("enough"));
    await expect(reader.read()).rejects.toThrow("enough");
    expect(await done).toBe("canceled");
  });

  it("reject a request that is aborted before its response, and tell the server", async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>();
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const { port } = await serve(
      (request) =>
        new Promise((answer) => {
          arrive();
          request.signal.addEventListener("abort", () => {
            resolve();
            answer(new Response());
          });
        }),
    );
    const abort = new AbortController();
    const response = setUp().post(port, { signal: abort.signal });
    await arrived;
    abort.abort(new Error("enough"));
    await expect(response).rejects.toThrow("enough");
    await aborted;
  });

  it("slow down a server whose stream is not read, and tell it when the stream is canceled", async () => {
    const flood = createFlood();
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const { port } = await serve((request) => {
      request.signal.addEventListener("abort", () => resolve());
      return flood.handle(request);
    });
    const { post } = setUp();
    const reader = (await post(port, { path: "/flood" })).body!.getReader();
    await reader.read();
    await untilStalled(flood, () => post(port));
    expect(flood.pulls).toBeLessThan(10_000);
    await reader.cancel();
    await aborted;
  });

  it("leave a connection whose peer has vanished soon after a request on it was aborted", async () => {
    const { port } = await serve(async (request) => new Response(await request.text()));
    const through = await proxyTo(port);
    const { post } = setUp({ pingTimeoutMs: 200, doubtMs: 20 });
    expect(await (await post(through.port, { body: "a" })).text()).toBe("a");
    through.strand();
    const underWay = expect(post(through.port, { body: "b" })).rejects.toThrow(
      /no response to a ping within 200 ms/,
    );
    await expect(post(through.port, { signal: AbortSignal.timeout(20) })).rejects.toThrow();
    const texts = ["c", "d"].map(async (body) => (await post(through.port, { body })).text());
    expect(await Promise.all(texts)).toEqual(["c", "d"]);
    expect(through.attempts).toBe(2);
    await underWay;
    expect(await (await post(through.port, { body: "e" })).text()).toBe("e");
    expect(through.attempts).toBe(2);
  });

  it("end the requests on an abandoned connection", async () => {
    const { port } = await serve(async (request) => new Response(await request.text()));
    const through = await proxyTo(port);
    const { post, close } = setUp({ pingTimeoutMs: 60_000, doubtMs: 0 });
    await (await post(through.port)).text();
    through.strand();
    const underWay = expect(post(through.port)).rejects.toThrow();
    await expect(post(through.port, { signal: AbortSignal.timeout(20) })).rejects.toThrow();
    await (await post(through.port)).text();
    expect(through.attempts).toBe(2);
    await close();
    await underWay;
  });

  it("keep a connection that responds to pings after aborted requests", async () => {
    const { promise: never } = Promise.withResolvers<Response>();
    const server = await serve((request) =>
      new URL(request.url).pathname === "/never" ? never : new Response("a"),
    );
    const through = await proxyTo(server.port);
    const { post } = setUp({ pingTimeoutMs: 1_000, doubtMs: 1_000 });
    for (let i = 0; i < 5; i++) {
      await expect(
        post(through.port, { path: "/never", signal: AbortSignal.timeout(5) }),
      ).rejects.toThrow();
      expect(await (await post(through.port)).text()).toBe("a");
    }
    expect(through.attempts).toBe(1);
  });

  it("abort a request to a peer that accepts a connection and sends nothing", async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(LOOPBACK, resolve));
    onTestFinished(() => void mute.close());
    const { port } = mute.address() as AddressInfo;
    await expect(
      setUp({ pingTimeoutMs: 20 }).post(port, { signal: AbortSignal.timeout(20) }),
    ).rejects.toThrow(/timeout/);
  });

  it("name the cause when no connection can be made", async () => {
    const gone = await serve(() => new Response());
    await gone.close(0);
    await expect(setUp().post(gone.port)).rejects.toMatchObject({
      cause: { code: "ECONNREFUSED" },
    });
  });

  it("reconnect to a server that restarted, and break off its open streams", async () => {
    const { body } = held();
    const first = await serve(() => new Response(body));
    const { post } = setUp();
    const reader = (await post(first.port)).body!.getReader();
    await reader.read();
    await first.close(0);
    const rest = await reader.read().catch((error: Error) => error);
    expect(rest instanceof Error || rest.done).toBe(true);
    await serve(() => new Response("again"), first.port);
    expect(await (await post(first.port)).text()).toBe("again");
  });

  it.each([0, 1])(
    "report a body that breaks off after %i bytes as broken, not as complete",
    async (count) => {
      let fail: (error: Error) => void = () => {};
      const { port } = await serve(
        () =>
          new Response(
            new ReadableStream({
              start(controller) {
                fail = (error) => controller.error(error);
                if (count > 0) controller.enqueue(new Uint8Array(count));
              },
            }),
          ),
      );
      const reader = (await setUp().post(port)).body!.getReader();
      if (count > 0) await reader.read();
      fail(new Error("enough"));
      await expect(reader.read()).rejects.toThrow();
    },
  );

  it("fail a stalled reader when the server breaks its stream off", async () => {
    const flood = createFlood();
    const { port } = await serve(flood.handle);
    const { post } = setUp();
    const reader = (await post(port, { path: "/flood" })).body!.getReader();
    await reader.read();
    await untilStalled(flood, () => post(port));
    flood.fail(new Error("stalled"));
    await expect(
      (async () => {
        while (!(await reader.read()).done);
      })(),
    ).rejects.toThrow();
  });
});
