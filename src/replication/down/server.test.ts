import { describe, expect, it } from "vitest";
import { serveSource } from "../../testing/served_source.ts";
import { ReplicationError } from "../clock/errors.ts";
import type { Mutate } from "../clock/mutation.ts";
import { EnvelopeReader, encodeEnvelope, MUTATE_PATH, SUBSCRIBE_PATH } from "../wire/connect.ts";
import {
  decodeClockMessage,
  decodeMutateResponse,
  encodeMutateRequest,
  encodeSubscribeRequest,
} from "../wire/message_codec.ts";

const UNARY = { "content-type": "application/proto" };
const STREAM = { "content-type": "application/connect+proto" };
const SUBSCRIBE = encodeEnvelope(
  encodeSubscribeRequest({ name: "leaf", epoch: "", seq: 0, schemaHash: "" }),
);

const ADD_A = encodeMutateRequest({ type: "add", states: ["A"] });

function setUp(options: { mutate?: Mutate; bufferBytes?: number; maxDownstreams?: number } = {}) {
  const served = serveSource({ maxDownstreams: 10, ...options });
  const post = (
    path: string,
    headers: Record<string, string>,
    body: BodyInit | Uint8Array,
    signal?: AbortSignal,
  ) =>
    served.serve(
      new Request(`http://node${path}`, {
        method: "POST",
        headers,
        body: body as BodyInit,
        signal: signal ?? null,
      }),
    );
  return { ...served, post };
}

/** Reads envelopes off a response's stream. */
function readerOf(response: Response) {
  const body = response.body!.getReader();
  const envelopes = new EnvelopeReader(1e6);
  return {
    async next() {
      for (;;) {
        const envelope = envelopes.read();
        if (envelope !== undefined) return envelope;
        const { done, value } = await body.read();
        if (done) return undefined;
        envelopes.push(value);
      }
    },
    cancel: () => body.cancel(),
  };
}

/** A body without its last byte, which `finish` sends; `end` resolves when the reader cancels it. */
function slowBody(bytes: Uint8Array<ArrayBuffer>) {
  const { promise: end, resolve } = Promise.withResolvers<string>();
  let finish = () => {};
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      controller.enqueue(bytes.slice(0, -1));
      finish = () => {
        controller.enqueue(bytes.slice(-1));
        controller.close();
      };
    },
    cancel: () => resolve("canceled"),
  });
  return { body, end, finish: () => finish() };
}

function slowRequest(
  path: string,
  headers: Record<string, string>,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): Request {
  const init: RequestInit & { duplex: "half" } = { method: "POST", headers, body, duplex: "half" };
  return new Request(`http://node${path}`, init);
}

async function trailerOf(response: Response): Promise<unknown> {
  const envelope = await readerOf(response).next();
  expect(envelope?.isEnd).toBe(true);
  return JSON.parse(new TextDecoder().decode(envelope!.message));
}

describe("createReplicationServer(), Mutate", () => {
  it("runs a mutation", async () => {
    const { post, machine } = setUp();
    const response = await post(MUTATE_PATH, UNARY, ADD_A);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/proto");
    expect(decodeMutateResponse(new Uint8Array(await response.arrayBuffer()))).toEqual({
      result: "executed",
      version: "00000000000000aa-1",
    });
    expect(machine.is("A")).toBe(true);
  });

  it("responds to an unknown state with invalid_argument, and its name", async () => {
    const { post } = setUp();
    const response = await post(
      MUTATE_PATH,
      UNARY,
      encodeMutateRequest({ type: "add", states: ["Nope"] }),
    );
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_argument", states: ["Nope"] });
  });

  it("responds to an unforeseen error without its message", async () => {
    const boom = new Error("secret");
    const { post, errors } = setUp({ mutate: () => Promise.reject(boom) });
    const response = await post(MUTATE_PATH, UNARY, ADD_A);
    expect(response.status).toBe(500);
    expect(await response.json()).toEqual({ code: "internal", message: "Internal error" });
    expect(errors).toEqual([boom]);
  });

  it("ends a mutation at the caller's deadline", async () => {
    let aborted: unknown;
    const { post, time } = setUp({
      mutate: (_, { signal }) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            aborted = signal.reason;
            reject(aborted);
          }),
        ),
    });
    const responding = post(MUTATE_PATH, { ...UNARY, "connect-timeout-ms": "50" }, ADD_A);
    await time.advance(49);
    expect(aborted).toBeUndefined();
    await time.advance(1);
    const response = await responding;
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ code: "deadline_exceeded" });
    expect(time.pending).toBe(1);
  });

  it.each([
    [
      "a timeout that is no number",
      MUTATE_PATH,
      { ...UNARY, "connect-timeout-ms": "soon" },
      400,
      "invalid_argument",
    ],
    [
      "another version of the protocol",
      MUTATE_PATH,
      { ...UNARY, "connect-protocol-version": "2" },
      400,
      "invalid_argument",
    ],
    ["compression", MUTATE_PATH, { ...UNARY, "content-encoding": "gzip" }, 501, "unimplemented"],
    ["broken bytes", MUTATE_PATH, UNARY, 400, "invalid_argument"],
    ["another method", "/statesource.v1.StateSourceService/Nope", UNARY, 404, "unimplemented"],
  ])("refuses %s", async (_, path, headers, status, code) => {
    const { post } = setUp();
    const response = await post(path, headers, Uint8Array.of(255));
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });

  it("rejects a request that arrives too slowly", async () => {
    const { serve, time, machine } = setUp();
    const { body, end } = slowBody(ADD_A);
    const responding = serve(slowRequest(MUTATE_PATH, UNARY, body));
    await time.advance(4_999);
    expect(time.pending).toBe(2);
    await time.advance(1);
    const response = await responding;
    expect(response.status).toBe(504);
    expect(await response.json()).toEqual({
      code: "deadline_exceeded",
      message: "Cannot read the request: it was not complete after 5000 ms",
    });
    expect(await end).toBe("canceled");
    expect(machine.is("A")).toBe(false);
    expect(time.pending).toBe(1);
  });

  it("counts the arrival of a request towards its mutation's deadline", async () => {
    const timeouts: number[] = [];
    const { serve, time } = setUp({
      mutate: async (_, { timeoutMs }) => {
        timeouts.push(timeoutMs);
        return { result: "executed", version: "00000000000000aa-1" };
      },
    });
    const { body, finish } = slowBody(ADD_A);
    const responding = serve(
      slowRequest(MUTATE_PATH, { ...UNARY, "connect-timeout-ms": "2000" }, body),
    );
    await time.advance(1_500);
    finish();
    expect((await responding).status).toBe(200);
    expect(timeouts).toEqual([500]);
  });

  it("refuses other content types and methods, and bodies over the limit", async () => {
    const { post, serve } = setUp();
    expect((await post(MUTATE_PATH, { "content-type": "text/plain" }, "")).status).toBe(415);
    expect((await serve(new Request(`http://node${MUTATE_PATH}`))).status).toBe(405);
    const response = await post(MUTATE_PATH, UNARY, new Uint8Array(70_000));
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });
});

describe("createReplicationServer(), Subscribe", () => {
  it("streams a snapshot with schema, then diffs", async () => {
    const { post, machine, time } = setUp();
    const response = await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE);
    expect(response.headers.get("content-type")).toBe("application/connect+proto");
    const reader = readerOf(response);
    const { start } = decodeClockMessage((await reader.next())!.message);
    expect(start).toMatchObject({
      epoch: "00000000000000aa",
      path: ["root"],
      ticks: [0, 0, 0],
      schema: { names: ["A", "B", "Exception"] },
    });
    machine.add("A");
    await time.advance(1);
    expect(decodeClockMessage((await reader.next())!.message)).toMatchObject({
      seq: 1,
      indexes: Uint32Array.of(0),
    });
  });

  it.each([
    ["broken envelopes", Uint8Array.of(9, 0, 0, 0, 0), "invalid_argument"],
    ["half an envelope", Uint8Array.of(0, 0, 0), "invalid_argument"],
    ["no name", encodeEnvelope(new Uint8Array(0)), "invalid_argument"],
  ])("refuses %s in the end of the stream, with status 200", async (_, body, code) => {
    const { post } = setUp();
    const response = await post(SUBSCRIBE_PATH, STREAM, body);
    expect(response.status).toBe(200);
    expect(await trailerOf(response)).toMatchObject({ error: { code } });
  });

  it("rejects a request that arrives too slowly, in the end of the stream", async () => {
    const { serve, time, publisher } = setUp();
    const { body, end } = slowBody(SUBSCRIBE);
    const responding = serve(slowRequest(SUBSCRIBE_PATH, STREAM, body));
    await time.advance(5_000);
    expect(await trailerOf(await responding)).toMatchObject({
      error: { code: "deadline_exceeded" },
    });
    expect(await end).toBe("canceled");
    expect(publisher.downstreams.size).toBe(0);
  });

  it("refuses more downstreams than its limit", async () => {
    const { post } = setUp({ maxDownstreams: 1 });
    await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE);
    expect(await trailerOf(await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE))).toMatchObject({
      error: { code: "resource_exhausted" },
    });
  });

  it("forgets a downstream whose request is aborted, or whose stream is canceled", async () => {
    const { post, publisher } = setUp();
    const abort = new AbortController();
    await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE, abort.signal);
    const second = readerOf(await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE));
    expect(publisher.downstreams.size).toBe(2);
    abort.abort();
    expect(publisher.downstreams.size).toBe(1);
    await second.cancel();
    expect(publisher.downstreams.size).toBe(0);
  });

  it("holds at most one message for a stalled reader, and merges what it missed", async () => {
    const { post, machine, publisher, time } = setUp();
    const reader = readerOf(await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE));
    const [downstream] = publisher.downstreams;
    for (let i = 0; i < 50; i++) {
      machine.toggle("A");
      await time.advance(1);
    }
    expect(downstream!.isStalled).toBe(true);
    expect(downstream!.pushes).toBe(1);
    expect(downstream!.bufferedBytes).toBe(downstream!.bytesSent);
    await reader.next();
    expect(downstream!.bufferedBytes).toBeLessThan(downstream!.bytesSent);
    await time.advance(1);
    const merged = decodeClockMessage((await reader.next())!.message);
    expect(merged).toMatchObject({
      seq: 50,
      indexes: Uint32Array.of(0),
      ticks: Float64Array.of(50),
    });
  });

  it("closes a downstream that reads nothing for too long", async () => {
    const { post, time, publisher } = setUp();
    await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE);
    await time.advance(9_900);
    expect(publisher.downstreams.size).toBe(1);
    await time.advance(500);
    expect(publisher.downstreams.size).toBe(0);
  });

  it("aborts that downstream's stream, and drops what waits in it", async () => {
    const { post, time } = setUp();
    const reader = readerOf(await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE));
    await time.advance(10_500);
    await expect(reader.next()).rejects.toThrow('Downstream "leaf" read nothing for 10000 ms');
  });

  it("opens no stream for a request that was aborted before", async () => {
    const { post, publisher } = setUp();
    const response = await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE, AbortSignal.abort());
    expect(await trailerOf(response)).toMatchObject({ error: { code: "canceled" } });
    expect(publisher.downstreams.size).toBe(0);
  });

  it("sends every downstream the reason when it closes", async () => {
    const { post, publisher } = setUp();
    const reader = readerOf(await post(SUBSCRIBE_PATH, STREAM, SUBSCRIBE));
    publisher.close(new ReplicationError("unavailable", "Node is stopping"));
    await reader.next();
    const end = await reader.next();
    expect(JSON.parse(new TextDecoder().decode(end!.message))).toEqual({
      error: { code: "unavailable", message: "Node is stopping" },
    });
    expect(await reader.next()).toBeUndefined();
    expect(() =>
      publisher.subscribe(
        { name: "late", epoch: "", seq: 0, schemaHash: "" },
        { write: () => true, close() {}, abort() {} },
      ),
    ).toThrow(/stopping/);
  });
});
