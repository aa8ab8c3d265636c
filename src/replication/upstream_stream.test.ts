import { describe, expect, it } from "vitest";
import { VirtualTime } from "../testing/virtual_time.ts";
import { encodeEnvelope } from "./envelope.ts";
import { encodeClockMessage } from "./messages.ts";
import { UpstreamStream } from "./upstream_stream.ts";

/** The first message of a stream whose node sends something every 500 ms. */
const START = encodeEnvelope(
  encodeClockMessage({
    seq: 0,
    indexes: new Uint32Array(0),
    ticks: new Float64Array(0),
    checksum: 0,
    wallDeltaMs: 0,
    ageMs: 0,
    traceContexts: [],
    isDraining: false,
    start: {
      epoch: "00000000000000aa",
      wallTimeMs: 0,
      heartbeatIntervalMs: 500,
      path: ["root"],
      machineId: "m",
      schema: undefined,
      ticks: undefined,
    },
  }),
);

function open() {
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
      signal = request.signal;
      return new Response(body as ReadableStream<Uint8Array<ArrayBuffer>>, {
        headers: { "content-type": "application/connect+proto" },
      });
    },
    address: "up",
    request: { name: "leaf", epoch: "", seq: 0, schemaHash: "" },
    time,
    connectTimeoutMs: 2_000,
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
  it("takes each piece of a long message for a sign of life", async () => {
    const { time, stream, send } = open();
    const next = stream.next();
    for (const byte of START) {
      await time.advance(1_900);
      send(Uint8Array.of(byte));
    }
    expect((await next)?.message.start?.path).toEqual(["root"]);
    stream.close();
  });

  it("gives up a peer that opens a stream and says nothing", async () => {
    const { time, stream, isEnded } = open();
    const next = expect(stream.next()).rejects.toThrow("up was silent for 2000 ms");
    await time.advance(2_000);
    await next;
    expect(isEnded()).toBe(true);
    expect(time.pending).toBe(0);
  });

  it("gives up after three of the intervals that the stream announced", async () => {
    const { time, stream, send } = open();
    send(START);
    await stream.next();
    const next = expect(stream.next()).rejects.toThrow("up was silent for 1500 ms");
    await time.advance(1_499);
    expect(time.pending).toBe(1);
    await time.advance(1);
    await next;
  });

  it("says that it was closed, to whoever waits and whoever comes later", async () => {
    const { time, stream, isEnded } = open();
    const waiting = expect(stream.next()).rejects.toThrow("enough");
    await time.advance(0);
    stream.close(new Error("enough"));
    await waiting;
    await expect(stream.next()).rejects.toThrow("enough");
    expect(isEnded()).toBe(true);
    expect(time.pending).toBe(0);
  });

  it("tells a stream that broke off from one that ended in order", async () => {
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
