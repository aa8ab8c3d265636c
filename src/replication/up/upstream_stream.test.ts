import { describe, expect, it } from "vitest";
import { VirtualTime } from "../../testing/virtual_time.ts";
import { encodeEnvelope } from "../wire/connect.ts";
import { encodeClockMessage, encodeProbeResponse } from "../wire/message_codec.ts";
import type { ProbeResponse, Start } from "../wire/messages.ts";
import { UpstreamStream } from "./upstream_stream.ts";

function beat(sentMs: number, start?: Start): Uint8Array {
  return encodeEnvelope(
    encodeClockMessage({
      seq: 0,
      indexes: new Uint32Array(0),
      ticks: new Float64Array(0),
      checksum: 0,
      wallDeltaMs: 0,
      sentMs,
      ageMs: 0,
      traceContexts: [],
      isDraining: false,
      start,
    }),
  );
}

/** The first message of a stream whose node sends something every 500 ms. */
const START = beat(0, {
  epoch: "00000000000000aa",
  wallTimeMs: 7_000,
  heartbeatIntervalMs: 500,
  path: ["root"],
  machineId: "m",
  schema: undefined,
  ticks: undefined,
  checksum: 0,
});

/** `probe` responds to the stream's probes; by default nothing does. */
function open(probe: (nowMs: number) => Promise<ProbeResponse> = () => new Promise(() => {})) {
  const time = new VirtualTime();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let signal!: AbortSignal;
  let isCanceled = false;
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    cancel() {
      isCanceled = true;
    },
  });
  const stream = new UpstreamStream({
    transport: async (request) => {
      if (request.url.endsWith("/Probe")) {
        const headers = { "content-type": "application/proto" };
        return new Response(encodeProbeResponse(await probe(time.monotonic())), { headers });
      }
      signal = request.signal;
      return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, {
        headers: { "content-type": "application/connect+proto" },
      });
    },
    address: "up",
    request: { name: "leaf", epoch: "", seq: 0, schemaHash: "" },
    time,
    connectTimeoutMs: 2_000,
    messageTimeoutMs: 30_000,
    schemaLimits: undefined,
    onBytes: () => {},
  });
  return {
    time,
    stream,
    send: (bytes: Uint8Array) => controller.enqueue(bytes),
    end: () => controller.close(),
    isEnded: () => isCanceled && signal.aborted,
  };
}

describe("UpstreamStream", () => {
  it("counts each chunk of a long message as a sign of life", async () => {
    const { time, stream, send } = open();
    const next = stream.next();
    for (let at = 0; at < START.length; at += 4) {
      await time.advance(1_900);
      send(START.slice(at, at + 4));
    }
    expect((await next)?.message.start?.path).toEqual(["root"]);
    stream.close();
  });

  it("abandons a peer that opens a stream and sends nothing", async () => {
    const { time, stream, isEnded } = open();
    const next = expect(stream.next()).rejects.toThrow("up was silent for 2000 ms");
    await time.advance(2_000);
    await next;
    expect(isEnded()).toBe(true);
    expect(time.pending).toBe(0);
  });

  it("abandons a stream that is silent for three of the intervals that it announced", async () => {
    const { time, stream, send } = open();
    send(START);
    await stream.next();
    const next = expect(stream.next()).rejects.toThrow("up was silent for 1500 ms");
    await time.advance(1_499);
    expect(time.pending).toBeGreaterThan(0);
    await time.advance(1);
    await next;
    expect(time.pending).toBe(0);
  });

  it("abandons a message that never ends, whatever bytes arrive", async () => {
    const { time, stream, send, isEnded } = open();
    send(START);
    await stream.next();
    const next = expect(stream.next()).rejects.toThrow("up sent no whole message for 30000 ms");
    // With a wrong bit in its length, all that follows counts as part of it.
    send(Uint8Array.of(0, 1, 0, 0, 9));
    for (let i = 0; i < 30; i++) {
      await time.advance(1_000);
      if (i < 29) send(START);
    }
    await next;
    expect(isEnded()).toBe(true);
    expect(time.pending).toBe(0);
  });

  describe("bounds how long messages were in transit:", () => {
    async function follow(probe?: (nowMs: number) => Promise<ProbeResponse>) {
      const opened = open(probe);
      const { time, stream, send } = opened;
      const receive = async (sentMs: number) => {
        send(beat(sentMs));
        const received = (await stream.next())!;
        stream.trust(received);
        return received.transitMs;
      };
      // The sender's clock is 5,000 ms behind ours; the response to the first request took 400 ms.
      await time.advance(400);
      send(beat(-4_800, { ...(await startOf()), wallTimeMs: 7_000 }));
      const received = (await stream.next())!;
      stream.trust(received);
      return { time, stream, first: received.transitMs, receive };
    }
    const startOf = async () => {
      const { stream, send } = open();
      send(START);
      const start = (await stream.next())!.message.start!;
      stream.close();
      return start;
    };

    it("with an error of at most the first round trip", async () => {
      const { time, stream, first, receive } = await follow();
      expect(first).toBeGreaterThanOrEqual(400);
      await time.advance(1_000);
      // Sent 300 ms ago, at 1,100 of our time.
      expect(await receive(1_100 - 5_000)).toBeGreaterThanOrEqual(300);
      expect(await receive(1_100 - 5_000)).toBeLessThanOrEqual(510);
      stream.close();
    });

    it("with an error of at most two milliseconds once a probe took no time", async () => {
      const { time, stream, receive } = await follow(async (nowMs) => ({
        sentMs: nowMs - 5_000,
        wallTimeMs: 7_000,
      }));
      await time.advance(1_000);
      const transitMs = await receive(1_100 - 5_000);
      expect(transitMs).toBeGreaterThanOrEqual(300);
      expect(transitMs).toBeLessThan(302);
      stream.close();
      expect(time.pending).toBe(0);
    });

    it("whatever the stamp of an unproven message", async () => {
      const { time, stream, send } = open();
      await time.advance(400);
      send(beat(-9e9));
      await stream.next();
      send(beat(-9e9 + 100, undefined));
      await time.advance(300);
      expect((await stream.next())!.transitMs).toBeGreaterThanOrEqual(300);
      stream.close();
    });

    it("by the time since the stream was requested", async () => {
      const { time, stream, send } = open();
      await time.advance(400);
      send(START);
      expect((await stream.next())!.transitMs).toBe(409);
      stream.close();
    });

    it("whatever another node responds to the probe", async () => {
      // Its stamps would make our clock seem far ahead, and the transit of all messages short.
      const { time, stream, receive } = await follow(async () => ({ sentMs: -9e9, wallTimeMs: 8 }));
      await time.advance(1_000);
      expect(await receive(1_100 - 5_000)).toBeGreaterThanOrEqual(300);
      stream.close();
    });
  });

  it("rejects pending and later reads once it is closed", async () => {
    const { time, stream, isEnded } = open();
    const waiting = expect(stream.next()).rejects.toThrow("enough");
    await time.advance(0);
    stream.close(new Error("enough"));
    await waiting;
    await expect(stream.next()).rejects.toThrow("enough");
    expect(isEnded()).toBe(true);
    expect(time.pending).toBe(0);
  });

  it("distinguishes a stream that broke off from one that ended in order", async () => {
    const broken = open();
    broken.send(START);
    broken.send(START.subarray(0, 9));
    broken.end();
    await broken.stream.next();
    await expect(broken.stream.next()).rejects.toThrow("broke off within a message");
    broken.stream.close();

    const ended = open();
    ended.send(START);
    ended.send(encodeEnvelope(new TextEncoder().encode("{}"), true));
    await ended.stream.next();
    expect(await ended.stream.next()).toBeUndefined();
    ended.stream.close();
  });
});
