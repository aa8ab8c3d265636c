import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Listener } from "./listener.ts";
import { listenHttp } from "./node.ts";

describe("listenHttp()", () => {
  const printed: unknown[] = [];
  let listener: Listener | undefined;

  beforeEach(() => {
    for (const method of ["error", "info", "log", "warn"] as const) {
      vi.spyOn(console, method).mockImplementation((...args) => void printed.push(args));
    }
  });

  afterEach(async () => {
    vi.restoreAllMocks();
    await listener?.close(0);
    printed.length = 0;
  });

  async function open(body: ReadableStream<Uint8Array<ArrayBuffer>>) {
    listener = await listenHttp(() => new Response(body), { host: "127.0.0.1", port: 0 });
    return await fetch(`http://127.0.0.1:${listener.port}/`);
  }

  it("breaks the connection off when a stream fails, and prints nothing", async () => {
    let fail = () => {};
    const response = await open(
      new ReadableStream({
        start(controller) {
          controller.enqueue(Uint8Array.of(1));
          fail = () => controller.error(new Error("secret"));
        },
      }),
    );
    const reader = response.body!.getReader();
    expect((await reader.read()).value).toEqual(Uint8Array.of(1));
    fail();
    await expect(reader.read()).rejects.toThrow("terminated");
    expect(printed).toEqual([]);
  });

  it("breaks it off even while the client reads nothing", async () => {
    let fail = () => {};
    let pulls = 0;
    const { promise: stalled, resolve } = Promise.withResolvers<void>();
    const response = await open(
      new ReadableStream(
        {
          start: (controller) => {
            fail = () => controller.error(new Error("secret"));
          },
          pull(controller) {
            // More than the buffers on the way hold; this is the last pull before they are full.
            controller.enqueue(new Uint8Array(1_000_000));
            if (++pulls === 3) resolve();
          },
        },
        { highWaterMark: 0 },
      ),
    );
    await stalled;
    fail();
    await expect(response.arrayBuffer()).rejects.toThrow("terminated");
    expect(printed).toEqual([]);
  });

  it("refuses a request that does not arrive in time", async () => {
    listener = await listenHttp(
      async (request) => new Response(await request.text()),
      { host: "127.0.0.1", port: 0 },
      { requestTimeoutMs: 50 },
    );
    for (const sent of [
      "GET / HTTP/1.1\r\nhost: a\r\n",
      "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na",
    ]) {
      const socket = connect(listener.port, "127.0.0.1");
      socket.write(sent);
      expect(await text(socket)).toMatch(/^HTTP\/1.1 408 /);
    }
  });

  it("ends a stream, and cancels one whose client leaves", async () => {
    const whole = await open(
      new Blob(["all of it"]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>,
    );
    expect(await whole.text()).toBe("all of it");
    await listener?.close(0);
    const { promise: canceled, resolve } = Promise.withResolvers<void>();
    const left = await open(
      new ReadableStream({
        start: (controller) => controller.enqueue(Uint8Array.of(1)),
        cancel: () => resolve(),
      }),
    );
    await left.body!.cancel();
    await canceled;
    expect(printed).toEqual([]);
  });
});
