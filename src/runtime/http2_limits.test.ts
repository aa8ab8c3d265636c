import { constants } from "node:http2";
import { describe, expect, it, onTestFinished } from "vitest";
import { END_HEADERS, END_STREAM, encodePost, FRAME, RawHttp2 } from "../testing/raw_http2.ts";
import { createHttp2Transport } from "./http2_client.ts";
import type { Http2Limits } from "./http2_limits.ts";
import { listenHttp2 } from "./http2_server.ts";
import type { FetchHandler } from "./listener.ts";

const ECHO: FetchHandler = async (request) => new Response(await request.text());

describe("listenHttp2() with hostile peers", () => {
  async function setUp(options: Partial<Http2Limits> = {}, handle: FetchHandler = ECHO) {
    const listener = await listenHttp2(handle, { host: "127.0.0.1", port: 0 }, options);
    onTestFinished(() => listener.close(0));
    const transport = createHttp2Transport();
    onTestFinished(() => transport.close());
    return {
      connect: async (how?: { isSilent?: boolean }) => {
        const peer = await RawHttp2.connect(listener.port, how);
        onTestFinished(() => peer.close());
        return peer;
      },
      /** Sends a request as a well-behaved client. */
      post: async (body: string) => {
        const url = `http://127.0.0.1:${listener.port}/`;
        return (await transport.fetch(new Request(url, { method: "POST", body }))).text();
      },
    };
  }

  it("closes a connection that sends nothing, and one that opens no stream", async () => {
    const { connect } = await setUp({ idleTimeoutMs: 50 });
    const silent = await connect({ isSilent: true });
    const idle = await connect();
    const half = await connect();
    // Only the first half of a request's headers.
    half.post(1, "/", {}, 0);
    await Promise.all([silent.closed(), half.closed()]);
    expect(await idle.closed()).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it("keeps a connection with an open stream, and closes it some time after the stream ends", async () => {
    const { promise, resolve } = Promise.withResolvers<Response>();
    const { connect } = await setUp({ idleTimeoutMs: 250 }, () => promise);
    const peer = await connect();
    peer.post(1, "/", {}, END_HEADERS | END_STREAM);
    const idle = await connect();
    await idle.closed();
    expect(peer.frames.filter(({ type }) => type === FRAME.goaway)).toEqual([]);
    resolve(new Response("a"));
    await peer.until(({ type }) => type === FRAME.data);
    expect(await peer.closed()).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it("drops connections past its limit", async () => {
    const { connect, post } = await setUp({ maxConnections: 1 });
    expect(await post("a")).toBe("a");
    await (await connect()).closed();
    expect(await post("b")).toBe("b");
  });

  it("refuses streams past the limit of a connection, and announces the limit", async () => {
    const { connect } = await setUp({ maxStreams: 2 }, () => new Promise(() => {}));
    const peer = await connect();
    const settings = await peer.until(({ type, flags }) => type === FRAME.settings && flags === 0);
    expect(
      readSettings(settings.payload).get(constants.NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
    ).toBe(2);
    for (const stream of [1, 3, 5]) peer.post(stream, "/", {}, END_HEADERS | END_STREAM);
    const refused = await peer.until(({ type }) => type === FRAME.rstStream);
    expect(refused.stream).toBe(5);
    expect(refused.payload.readUInt32BE(0)).toBe(constants.NGHTTP2_REFUSED_STREAM);
    // After its acknowledgment of the limit, another excess is a protocol error.
    peer.send(FRAME.settings, 1, 0);
    peer.post(7, "/", {}, END_HEADERS | END_STREAM);
    expect(await peer.closed()).toBe(constants.NGHTTP2_PROTOCOL_ERROR);
  });

  it.each([
    ["many", 80, 1, FRAME.rstStream],
    ["great", 40, 500, FRAME.headers],
  ])("refuses a request with too %s headers", async (_, count, length, type) => {
    let requests = 0;
    const { connect, post } = await setUp({}, (request) => {
      requests++;
      return ECHO(request);
    });
    const peer = await connect();
    const headers = Array.from({ length: count }, (_, i) => [`x-${i}`, "a".repeat(length)]);
    const block = encodePost("/", Object.fromEntries(headers));
    peer.send(FRAME.headers, END_STREAM, 1, block.subarray(0, 16_384));
    peer.send(FRAME.continuation, END_HEADERS, 1, block.subarray(16_384));
    const response = await peer.until((frame) => frame.type === type);
    if (type === FRAME.headers) expect(response.payload.toString()).toContain("431");
    else expect(response.payload.readUInt32BE(0)).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await post("a")).toBe("a");
    expect(requests).toBe(1);
  });

  it("tells a client that still sends after the response to stop", async () => {
    const { connect } = await setUp({}, () => new Response("no", { status: 404 }));
    const peer = await connect();
    peer.post(1, "/", {});
    peer.send(FRAME.data, 0, 1, Buffer.from("a"));
    const answered = await peer.until(({ type }) => type === FRAME.data);
    expect(answered.payload.toString()).toBe("no");
    const reset = await peer.until(({ type }) => type === FRAME.rstStream);
    expect(reset.payload.readUInt32BE(0)).toBe(constants.NGHTTP2_NO_ERROR);
  });

  it("resets a response that its client does not read", async () => {
    const { connect, post } = await setUp({ responseTimeoutMs: 50 });
    const peer = await connect();
    // SETTINGS_INITIAL_WINDOW_SIZE 0: the peer accepts no data.
    peer.send(FRAME.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 0));
    peer.post(1, "/", {});
    peer.send(FRAME.data, END_STREAM, 1, Buffer.from("a"));
    const reset = await peer.until(({ type }) => type === FRAME.rstStream);
    expect(reset.payload.readUInt32BE(0)).toBe(constants.NGHTTP2_CANCEL);
    expect(await post("a")).toBe("a");
  });

  it.each([
    ["pings", (peer: RawHttp2) => peer.send(FRAME.ping, 0, 0, new Uint8Array(8))],
    ["settings", (peer: RawHttp2) => peer.send(FRAME.settings, 0, 0, Buffer.of(0, 4, 0, 0, 1, 0))],
  ])("ends a connection that floods it with %s", async (_, flood) => {
    const { connect, post } = await setUp({ maxControlFrames: 100 });
    const peer = await connect();
    for (let i = 0; i < 99; i++) flood(peer);
    peer.post(1, "/", {}, END_HEADERS | END_STREAM);
    await peer.until(({ type, stream }) => type === FRAME.headers && stream === 1);
    flood(peer);
    flood(peer);
    expect(await peer.closed()).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect(await post("a")).toBe("a");
  });

  it.each<[string, (peer: RawHttp2, stream: number) => void]>([
    [
      "streams that it resets at once",
      (peer, stream) => {
        peer.post(stream, "/", {});
        peer.send(FRAME.rstStream, 0, stream, Buffer.of(0, 0, 0, 8));
      },
    ],
    [
      "headers without an end",
      (peer, stream) =>
        stream === 1
          ? peer.post(1, "/", {}, 0)
          : peer.send(FRAME.continuation, 0, 1, encodePost("/", { a: "b".repeat(100) })),
    ],
    [
      "data for streams that do not exist",
      (peer) => peer.send(FRAME.data, 0, 2, new Uint8Array(1)),
    ],
    ["garbage", (peer) => peer.write(new Uint8Array(100).fill(255))],
  ])("survives %s, and serves others", async (_, flood) => {
    const { connect, post } = await setUp();
    const peer = await connect();
    for (let i = 0; i < 3_000; i++) flood(peer, 2 * i + 1);
    await peer.closed();
    expect(await post("a")).toBe("a");
  });
});

function readSettings(payload: Buffer): Map<number, number> {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6)
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return settings;
}
