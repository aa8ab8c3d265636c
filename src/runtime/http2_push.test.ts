import { describe, expect, it, onTestFinished } from "vitest";
import type { BodyWriter, PushStream } from "../replication/mod.ts";
import { createHttp2Transport } from "./http2_client.ts";
import { listenHttp2 } from "./http2_server.ts";

/** A body that only a writer can be attached to. */
function createBody() {
  const { promise: writer, resolve } = Promise.withResolvers<BodyWriter>();
  const { promise: isGone, resolve: gone } = Promise.withResolvers<void>();
  const told = { taken: () => {} };
  const body: PushStream = Object.assign(new ReadableStream<Uint8Array<ArrayBuffer>>(), {
    attach(own: BodyWriter) {
      resolve(own);
      return { closed: gone, flushed: () => told.taken() };
    },
  });
  return { body, writer, isGone, told };
}

describe("A pushed body", () => {
  /** Starts a server that pushes a body, and sends it one request. */
  async function setUp() {
    const { body, ...rest } = createBody();
    const listener = await listenHttp2(
      ({ url }) => new Response(new URL(url).pathname === "/other" ? "a" : body),
      { host: "127.0.0.1", port: 0 },
    );
    onTestFinished(() => listener.close(0));
    const transport = createHttp2Transport();
    onTestFinished(() => transport.close());
    const post = (path: string) =>
      transport.fetch(new Request(`http://127.0.0.1:${listener.port}${path}`, { method: "POST" }));
    const received = (await post("/")).body!;
    return {
      ...rest,
      received,
      async passOther() {
        await (await post("/other")).text();
      },
    };
  }

  it("goes to the stream as it is pushed, and learns when bytes have left", async () => {
    const { received, writer, told } = await setUp();
    const reader = received.getReader();
    const { write, end } = await writer;
    const bytes = Uint8Array.of(0, 1, 2).subarray(1);
    for (let i = 0; i < 3; i++) {
      await new Promise<void>((taken) => {
        told.taken = taken;
        write(bytes);
      });
      expect((await reader.read()).value).toEqual(Uint8Array.of(1, 2));
    }
    end();
    expect((await reader.read()).done).toBe(true);
  });

  it("breaks its stream off", async () => {
    const { received, writer } = await setUp();
    (await writer).abort(new Error("enough"));
    await expect(received.getReader().read()).rejects.toThrow();
  });

  it("learns that its reader has left", async () => {
    const { received, isGone } = await setUp();
    await received.cancel();
    await isGone;
  });

  it("learns that bytes have left until the window of an idle reader is full", async () => {
    const { writer, told, passOther } = await setUp();
    const { write } = await writer;
    let left = 0;
    told.taken = () => {
      left++;
      write(new Uint8Array(1_000));
    };
    write(new Uint8Array(1_000));
    for (let before = -1; before !== left; ) {
      before = left;
      await passOther();
    }
    // 16,384 bytes, and up to 65,536 that the client's stream reads ahead.
    expect(left).toBeGreaterThanOrEqual(16);
    expect(left).toBeLessThan(90);
  });
});
