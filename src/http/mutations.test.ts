import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  parseTraceparent,
  ReplicationError,
  type ReplicationErrorCode,
} from "../replication/mod.ts";
import { createFakeApi, EPOCH } from "../testing/fake_node.ts";
import type { HttpApiOptions } from "./mod.ts";

const BODY = JSON.stringify({ type: "add", states: ["Ready"] });
const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function setUp(options: HttpApiOptions = {}) {
  const { node, app } = createFakeApi(options);
  const post = async (
    body: BodyInit,
    headers: Record<string, string> = {},
    init: RequestInit = {},
  ) =>
    app.request("/mutations", {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
      duplex: "half",
      ...init,
    } as RequestInit);
  return { node, post };
}

/** A body of chunks without a known length; counts the chunks that were read. */
function streamOf(chunkBytes: number, chunks: number) {
  const taken = { chunks: 0, isCanceled: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (taken.chunks === chunks) return controller.close();
        taken.chunks++;
        controller.enqueue(new Uint8Array(chunkBytes).fill(0x20));
      },
      cancel() {
        taken.isCanceled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, taken };
}

function replicationError(code: ReplicationErrorCode): ReplicationError {
  return new ReplicationError(code, `Cannot reach the root: ${code}`);
}

describe("POST /mutations", () => {
  it("passes the mutation on and responds with its result", async () => {
    const { node, post } = setUp();
    const response = await post(
      JSON.stringify({ type: "set", states: ["Start", "Ready"], args: { gate: 4 } }),
      { traceparent: TRACEPARENT, "idempotency-key": "k-1" },
    );
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toBe(`{"result":"executed","version":"${EPOCH}-8"}`);
    expect(node.mutations).toMatchObject([
      {
        request: {
          type: "set",
          states: ["Start", "Ready"],
          argsJson: '{"gate":4}',
          idempotencyKey: "k-1",
          traceContext: parseTraceparent(TRACEPARENT),
        },
      },
    ]);
    expect(node.time.pending).toBe(0);
  });

  it("adds nothing to the request of the client", async () => {
    const { node, post } = setUp();
    await post(BODY, { traceparent: "nonsense" });
    expect(node.mutations[0]!.request).toEqual({ type: "add", states: ["Ready"] });
    expect(node.mutations[0]!.options).toEqual({
      signal: expect.any(AbortSignal),
      timeoutMs: 10_000,
    });
  });

  it("responds with the reason of a canceled mutation", async () => {
    const { node, post } = setUp();
    const rejected = { state: "Ready", by: "relation Require of Ready" };
    node.onMutate = async () => ({ result: "canceled", version: `${EPOCH}-7`, rejected });
    const response = await post(BODY);
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ result: "canceled", version: `${EPOCH}-7`, rejected });
  });

  it.each([
    "application/json",
    "Application/JSON; charset=UTF-8",
    'application/json;charset="utf-8"',
  ])("accepts the content-type %s", async (contentType) => {
    const { post } = setUp();
    expect((await post(BODY, { "content-type": contentType })).status).toBe(200);
  });

  it.each([
    { "content-type": "text/plain" },
    { "content-type": "" },
    { "content-type": "application/x-www-form-urlencoded" },
    { "content-type": "application/json; charset=latin1" },
    { "content-type": "application/jsonx" },
    { "content-encoding": "gzip" },
  ])("refuses a body with %j", async (headers) => {
    const { node, post } = setUp();
    const response = await post(BODY, headers as Record<string, string>);
    expect(response.status).toBe(415);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(node.mutations).toEqual([]);
  });

  it("says what it accepts instead", async () => {
    const { post } = setUp();
    const byType = await post(BODY, { "content-type": "text/plain" });
    expect(byType.headers.get("accept")).toBe("application/json");
    const byCoding = await post(BODY, { "content-encoding": "gzip" });
    expect(byCoding.headers.get("accept-encoding")).toBe("identity");
  });

  it.each([
    ['{"states": [Ready]}', /^Cannot read the body as JSON: .*Unexpected token 'R'/],
    ["", /^Cannot read the body as JSON: Unexpected end of JSON input$/],
    [new Uint8Array([0x22, 0xff, 0x22]), /^Cannot read the body: it is not UTF-8$/],
    [`["${"a".repeat(10_000)}"; 1]`, /^Cannot read the body as JSON: .{1,200}$/],
  ])("refuses broken JSON and says what breaks it", async (body, detail) => {
    const { node, post } = setUp();
    const response = await post(body);
    expect(response.status).toBe(400);
    const problem = await response.json();
    expect(problem).toMatchObject({
      type: "urn:tree-state-source:problem:broken-json",
      detail: expect.stringMatching(detail),
    });
    expect(JSON.stringify(problem)).not.toMatch(/SyntaxError|\.ts/);
    expect(node.mutations).toEqual([]);
  });

  it.each([
    [null, ["#"], /the body is null, not an object/],
    [[], ["#"], /the body is an array/],
    ["add", ["#"], /the body is "add"/],
    [{}, ["#/type", "#/states"], /"type" is missing, not one of "add", "remove", "set", "toggle"/],
    [{ type: "Add", states: [] }, ["#/type"], /"type" is "Add", not/],
    [{ type: "add", states: "Ready" }, ["#/states"], /"states" is "Ready", not an array/],
    [
      { type: "add", states: ["Ready", 7] },
      ["#/states/1"],
      /item 1 of "states" is 7, not a string/,
    ],
    [{ type: "add", states: [], args: [] }, ["#/args"], /"args" is an array, not an object/],
    [{ type: "add", states: [], args: null }, ["#/args"], /"args" is null/],
    [{ type: "add", states: [], "a/b": 1 }, ["#/a~1b"], /"a\/b" is not a member/],
    [{ type: ["add"], states: {}, state: 1 }, ["#/type", "#/states", "#/state"], /an object/],
  ])("refuses the shape of %j", async (body, pointers, detail) => {
    const { node, post } = setUp();
    const response = await post(JSON.stringify(body));
    expect(response.status).toBe(422);
    const problem = (await response.json()) as { detail: string; errors: { pointer: string }[] };
    expect(problem.errors.map((error) => error.pointer)).toEqual(pointers);
    expect(problem.detail).toMatch(detail);
    expect(node.mutations).toEqual([]);
  });

  it("accepts every well-formed mutation unchanged, and responds to any JSON", async () => {
    const { node, post } = setUp();
    const mutation = fc.record(
      {
        type: fc.constantFrom("add", "remove", "set", "toggle"),
        states: fc.array(fc.constantFrom("Start", "Ready", "Exception")),
        args: fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })),
      },
      { requiredKeys: ["type", "states"] },
    );
    await fc.assert(
      fc.asyncProperty(mutation, async (body) => {
        expect((await post(JSON.stringify(body))).status).toBe(200);
        const { argsJson, ...rest } = node.mutations.pop()!.request;
        const args = argsJson === undefined ? {} : { args: JSON.parse(argsJson) };
        expect({ ...rest, ...args }).toEqual(JSON.parse(JSON.stringify(body)));
      }),
    );
    const almost = fc.record({
      type: fc.oneof(fc.constant("add"), fc.jsonValue()),
      states: fc.oneof(fc.array(fc.string()), fc.jsonValue()),
    });
    await fc.assert(
      fc.asyncProperty(fc.oneof(almost, fc.jsonValue()), async (body) => {
        expect([200, 422]).toContain((await post(JSON.stringify(body))).status);
      }),
    );
  });

  it("names unknown states and the nearest known ones", async () => {
    const { node, post } = setUp();
    const states = ["Redy", "Start", "Redy", "Flight1Delay"];
    const response = await post(JSON.stringify({ type: "add", states }));
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:unknown-state",
      detail: expect.stringContaining('"Redy" (nearest known: Ready, '),
      unknown: [
        { state: "Redy", nearest: ["Ready", expect.any(String), expect.any(String)] },
        { state: "Flight1Delay", nearest: expect.arrayContaining(["Flight1Delayed"]) },
      ],
    });
    expect(node.mutations).toEqual([]);
  });

  it("does a bounded amount of work for many unknown states", async () => {
    const { post } = setUp();
    const states = Array.from({ length: 5000 }, (_, i) => `X${i}`);
    const response = await post(JSON.stringify({ type: "add", states }));
    const problem = (await response.json()) as {
      detail: string;
      unknown: { nearest?: string[] }[];
    };
    expect(problem.unknown).toHaveLength(10);
    expect(problem.unknown.filter(({ nearest }) => nearest !== undefined)).toHaveLength(3);
    expect(problem.detail).toMatch(/ and 4990 more$/);
  });

  it("lets the root decide before this node has a schema", async () => {
    const { node, post } = setUp();
    node.reset([], 0, "", {});
    expect((await post(BODY)).status).toBe(200);
  });

  it("accepts a body up to the limit, and not one byte more", async () => {
    const { node, post } = setUp({ maxBodyBytes: 100 });
    expect((await post(BODY.padEnd(100))).status).toBe(200);
    const response = await post(BODY.padEnd(101));
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:body-too-large",
      maxBytes: 100,
    });
    expect(node.mutations).toHaveLength(1);
    expect((await setUp().post(BODY.padEnd(65_536))).status).toBe(200);
    expect((await setUp().post(BODY.padEnd(2_000_000))).status).toBe(413);
  });

  it("stops reading at the limit when the length is missing or wrong", async () => {
    for (const headers of [{}, { "content-length": "10" }]) {
      const { node, post } = setUp();
      const { stream, taken } = streamOf(8192, 1000);
      const response = await post(stream, headers as Record<string, string>);
      expect(response.status).toBe(413);
      expect(taken).toEqual({ chunks: 9, isCanceled: true });
      expect(node.mutations).toEqual([]);
    }
  });

  it("reads nothing of a body that announces too many bytes", async () => {
    const { post } = setUp();
    const { stream, taken } = streamOf(10, 1);
    expect((await post(stream, { "content-length": "65537" })).status).toBe(413);
    expect(taken.chunks).toBe(0);
  });

  it("does not report a body that breaks off", async () => {
    const errors: unknown[] = [];
    const { post } = setUp({ onError: (error) => errors.push(error) });
    const stream = new ReadableStream({
      start: (controller) => controller.error(new Error("cut")),
    });
    expect((await post(stream)).status).toBe(499);
    expect(errors).toEqual([]);
  });

  it.each([
    ["k1", "k1"],
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"],
    ['"a\\"b"', 'a"b'],
  ])("passes on the Idempotency-Key %s as %s", async (header, key) => {
    const { node, post } = setUp();
    await post(BODY, { "idempotency-key": header });
    expect(node.mutations[0]!.request.idempotencyKey).toBe(key);
  });

  it.each(["", '""', "a b", "x".repeat(256), "ü"])(
    "refuses the Idempotency-Key %j",
    async (key) => {
      const { node, post } = setUp();
      const response = await post(BODY, { "idempotency-key": key });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ header: "idempotency-key" });
      expect(node.mutations).toEqual([]);
    },
  );

  it.each([
    ["unavailable", 503, "1"],
    ["resource_exhausted", 503, "1"],
    ["deadline_exceeded", 504, null],
    ["invalid_argument", 422, null],
    ["unknown_state", 422, null],
    ["internal", 502, null],
    ["data_loss", 502, null],
  ] as const)("turns %s on the way to the root into %i", async (code, status, retryAfter) => {
    const errors: unknown[] = [];
    const { node, post } = setUp({ onError: (error) => errors.push(error) });
    node.onMutate = () => Promise.reject(replicationError(code));
    const response = await post(BODY);
    expect(response.status).toBe(status);
    expect(response.headers.get("retry-after")).toBe(retryAfter);
    expect(await response.json()).toMatchObject({ detail: `Cannot reach the root: ${code}` });
    expect(errors).toEqual([]);
    expect(node.time.pending).toBe(0);
  });

  it("names the states that the root does not know", async () => {
    const { node, post } = setUp();
    const states = ["Redy"];
    node.onMutate = () => Promise.reject(new ReplicationError("unknown_state", "x", { states }));
    const response = await post(BODY);
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:unknown-state",
      unknown: [{ state: "Redy", nearest: ["Ready", expect.any(String), expect.any(String)] }],
    });
  });

  it("responds with 504 when the node is too slow, and aborts its signal", async () => {
    const { node, post } = setUp({ mutationTimeoutMs: 300 });
    let signal: AbortSignal | undefined;
    const isCalled = Promise.withResolvers<void>();
    node.onMutate = (_, options) => {
      signal = options.signal;
      isCalled.resolve();
      return new Promise((_, reject) => {
        options.signal.addEventListener("abort", () => reject(replicationError("canceled")));
      });
    };
    const pending = post(BODY);
    await isCalled.promise;
    await node.time.advance(299);
    expect(signal!.aborted).toBe(false);
    await node.time.advance(1);
    const response = await pending;
    expect(response.status).toBe(504);
    expect(signal!.aborted).toBe(true);
    expect(await response.json()).toMatchObject({
      type: "urn:tree-state-source:problem:deadline-exceeded",
      detail: expect.stringContaining("may still be executed"),
    });
  });

  it("aborts the signal of the node when the client leaves", async () => {
    const { node, post } = setUp();
    const client = new AbortController();
    node.onMutate = (_, { signal }) =>
      new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(replicationError("canceled")));
        client.abort();
      });
    expect((await post(BODY, {}, { signal: client.signal })).status).toBe(499);
    expect(node.time.pending).toBe(0);
  });
});
