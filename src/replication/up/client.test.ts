import { describe, expect, it } from "vitest";
import { encodeEnvelope, STREAM_TYPE, UNARY_TYPE } from "../wire/connect.ts";
import { encodeMutateResponse } from "../wire/message_codec.ts";
import { openSubscription, sendMutation, type Transport } from "./client.ts";

const NOTHING = { name: "leaf", epoch: "", seq: 0, schemaHash: "" };
const MUTATION = { type: "add", states: ["A"] } as const;

/** Reads a stream to its end. */
async function read(transport: Transport, address = "a:1"): Promise<Uint8Array[]> {
  const signal = new AbortController().signal;
  const messages: Uint8Array[] = [];
  for await (const message of openSubscription(transport, address, NOTHING, { signal }))
    messages.push(message);
  return messages;
}

const mutate = (transport: Transport) =>
  sendMutation(transport, "a:1", MUTATION, {
    signal: new AbortController().signal,
    timeoutMs: 1_000,
  });

const respond =
  (body: BodyInit | null, type: string, status = 200): Transport =>
  async () =>
    new Response(body, { status, headers: { "content-type": type } });

/** The end of a stream, with a trailer. */
const end = (trailer: string) => encodeEnvelope(new TextEncoder().encode(trailer), true);

describe("sendMutation()'s request", () => {
  it("has the caller's signal, both in the request and as an option", async () => {
    const { signal } = new AbortController();
    const seen: AbortSignal[] = [];
    const transport: Transport = async (request, init) => {
      seen.push(request.signal, init.signal);
      throw new Error("ECONNREFUSED");
    };
    const sent = sendMutation(transport, "a:1", MUTATION, { signal, timeoutMs: 1_000 });
    await expect(sent).rejects.toThrow("ECONNREFUSED");
    expect(seen.map((one) => one === signal)).toEqual([true, true]);
  });
});

describe("openSubscription()", () => {
  it.each([
    ["a:1", "http://a:1/statesource.v1.StateSourceService/Subscribe"],
    ["https://a.example/", "https://a.example/statesource.v1.StateSourceService/Subscribe"],
    [
      "https://a.example/tree",
      "https://a.example/tree/statesource.v1.StateSourceService/Subscribe",
    ],
  ])("subscribes at %s to %s", async (address, url) => {
    const urls: string[] = [];
    const transport: Transport = async (request) => {
      urls.push(request.url);
      return new Response(end("{}"), { headers: { "content-type": STREAM_TYPE } });
    };
    expect(await read(transport, address)).toEqual([]);
    expect(urls).toEqual([url]);
  });

  it.each<[string, BodyInit, string, RegExp]>([
    [
      "a message beyond 64 MiB",
      Uint8Array.of(0, 4, 0, 0, 1),
      "resource_exhausted",
      /67108865 bytes/,
    ],
    ["a compressed message", Uint8Array.of(1, 0, 0, 0, 0), "unimplemented", /compressed/],
    ["unknown flags", Uint8Array.of(128, 0, 0, 0, 0), "invalid_argument", /flags 128/],
    [
      "half a message",
      encodeEnvelope(Uint8Array.of(1, 2)).slice(0, 6),
      "unavailable",
      /broke off within/,
    ],
    ["no end", encodeEnvelope(Uint8Array.of(1, 2)), "unavailable", /broke off$/],
    ["nothing", "", "unavailable", /broke off$/],
    ["an end that is not JSON", end("{"), "data_loss", /Cannot read the end of the stream/],
    [
      "an end that is not UTF-8",
      encodeEnvelope(Uint8Array.of(255), true),
      "data_loss",
      /Cannot read the end/,
    ],
    ["an end with an error", end('{"error":{"code":"aborted","message":"no"}}'), "aborted", /^no$/],
    ["an end with a malformed error", end('{"error":[[]]}'), "unknown", /"unknown"/],
  ])("ends with a code after %s", async (_, body, code, message) => {
    const reading = read(respond(body, STREAM_TYPE));
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.toMatchObject({ name: "ReplicationError", code });
  });

  it.each(["null", "[]", "0", '"end"', '{"metadata":{}}'])(
    "accepts %s as an orderly end",
    async (trailer) => {
      expect(await read(respond(end(trailer), STREAM_TYPE))).toEqual([]);
    },
  );

  it("ignores what follows the end", async () => {
    const body = new Blob([
      encodeEnvelope(Uint8Array.of(1)),
      end("{}"),
      encodeEnvelope(Uint8Array.of(2)),
    ]);
    expect(await read(respond(body, STREAM_TYPE))).toEqual([Uint8Array.of(1)]);
  });

  it.each([
    [200, "text/html", "unknown"],
    [404, "text/html", "unimplemented"],
    [415, STREAM_TYPE, "unknown"],
    [503, "text/plain", "unavailable"],
    [503, "application/json", "unavailable"],
  ])(
    "rejects a response that is not a node's, with status %d and type %s",
    async (status, type, code) => {
      await expect(read(respond("<html>", type, status))).rejects.toMatchObject({ code });
    },
  );
});

describe("sendMutation()", () => {
  it("rejects a response beyond 1 MiB", async () => {
    await expect(mutate(respond(new Uint8Array(1_048_577), UNARY_TYPE))).rejects.toMatchObject({
      code: "resource_exhausted",
    });
  });

  it("rejects an error beyond 1 MiB", async () => {
    const body = JSON.stringify({ code: "aborted", message: "x".repeat(1_048_576) });
    await expect(mutate(respond(body, "application/json", 409))).rejects.toMatchObject({
      code: "unknown",
      message: "a:1 responded with HTTP status 409, not as a node of the tree does",
    });
  });

  it("returns the response", async () => {
    const response = { result: "executed", version: "00000000000000aa-1" } as const;
    expect(await mutate(respond(encodeMutateResponse(response), UNARY_TYPE))).toEqual(response);
  });
});

describe("a connection that breaks within a response", () => {
  const response = encodeMutateResponse({ result: "executed", version: "00000000000000aa-7" });

  /** Responds with the first bytes of a body, after which the connection breaks, or is silent. */
  function begin(
    bytes: Uint8Array,
    head: { readonly status: number; readonly type: string; readonly breaks: boolean },
  ): Transport {
    return async ({ signal }) => {
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start(controller) {
          controller.enqueue(Uint8Array.from(bytes));
          signal.addEventListener("abort", () => controller.error(signal.reason));
        },
        // Called once the bytes have been read.
        pull(controller) {
          if (head.breaks) controller.error(new Error("ECONNRESET"));
        },
      });
      return new Response(body, { status: head.status, headers: { "content-type": head.type } });
    };
  }

  it("means that the node cannot be reached", async () => {
    const head = { status: 200, type: UNARY_TYPE, breaks: true };
    await expect(mutate(begin(response.subarray(0, 3), head))).rejects.toMatchObject({
      code: "unavailable",
      message: "Cannot reach a:1: ECONNRESET",
    });
  });

  it("means the same within an error", async () => {
    const head = { status: 400, type: "application/json", breaks: true };
    const begun = new TextEncoder().encode('{"code":"invalid_');
    await expect(mutate(begin(begun, head))).rejects.toMatchObject({
      code: "unavailable",
      message: "Cannot reach a:1: ECONNRESET",
    });
  });

  it("rejects with the caller's reason if the caller aborted", async () => {
    const head = { status: 200, type: UNARY_TYPE, breaks: false };
    const abort = new AbortController();
    const { signal } = abort;
    const sent = sendMutation(begin(response.subarray(0, 3), head), "a:1", MUTATION, {
      signal,
      timeoutMs: 1_000,
    });
    const refused = expect(sent).rejects.toMatchObject({ code: "deadline_exceeded" });
    await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new DOMException("late", "TimeoutError"));
    await refused;
  });
});
