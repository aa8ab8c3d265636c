/** Passes every case of testdata/malformed.txt to its decoder, to a server, and to a replica. */

import { describe, expect, it } from "vitest";
import { defineSchema } from "../../machine/mod.ts";
import { createHttp2Transport } from "../../runtime/http2_client.ts";
import { listenHttp2 } from "../../runtime/http2_server.ts";
import { type Malformed, readMalformed } from "../../testing/malformed.ts";
import { ReplicationTree } from "../../testing/replication_tree.ts";
import { serveSource } from "../../testing/served_source.ts";
import { decodeArgs } from "../clock/mutation_args.ts";
import { openSubscription } from "../up/client.ts";
import { encodeEnvelope, MUTATE_PATH, STREAM_TYPE, SUBSCRIBE_PATH, UNARY_TYPE } from "./connect.ts";
import {
  decodeCallRequest,
  decodeCallResponse,
  decodeClockMessage,
  decodeMutateRequest,
  decodeMutateResponse,
  decodeProbeResponse,
  decodeSubscribeRequest,
  encodeSubscribeRequest,
} from "./message_codec.ts";

const CASES = readMalformed();

const DECODERS: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  subscribe: decodeSubscribeRequest,
  // The wire carries args as text; the source reads them.
  mutate: (bytes) => decodeArgs(decodeMutateRequest(bytes).argsJson ?? "{}"),
  call: (bytes) => decodeArgs(decodeCallRequest(bytes).argsJson ?? "{}"),
  result: decodeCallResponse,
  clock: (bytes) => decodeClockMessage(bytes),
  schema: (bytes) => decodeClockMessage(bytes, { maxStates: 3, maxNameLength: 4 }),
  response: decodeMutateResponse,
  probe: decodeProbeResponse,
};

describe("Decoders", () => {
  it.each(CASES.filter(({ reader }) => reader in DECODERS))(
    "make of $reader: $name: $outcome",
    ({ reader, bytes, outcome, message }) => {
      const decode = () => DECODERS[reader]!(bytes);
      if (outcome === "ok") expect(decode).not.toThrow();
      else {
        expect(decode).toThrow(
          expect.objectContaining({
            name: "ReplicationError",
            code: outcome,
            message: expect.stringContaining(message),
          }),
        );
      }
    },
  );
});

describe("openSubscription()", () => {
  it.each(CASES.filter(({ reader }) => reader === "stream"))(
    "makes of $name: $outcome",
    async ({ bytes, outcome }) => {
      const messages = openSubscription(
        async () => new Response(bytes, { headers: { "content-type": STREAM_TYPE } }),
        "hostile:1",
        { name: "leaf", epoch: "", seq: 0, schemaHash: "" },
        { signal: new AbortController().signal },
      );
      const end = messages.next();
      if (outcome === "ok") expect(await end).toEqual({ done: true, value: undefined });
      else await expect(end).rejects.toMatchObject({ name: "ReplicationError", code: outcome });
    },
  );
});

describe("A server", () => {
  it("responds to each with its code, keeps nothing of it, and serves the next request", async () => {
    const { publisher, source, time, errors, serve } = serveSource();
    const timers = time.pending;
    for (const malformed of CASES) {
      const request = toRequest("http://node", malformed);
      if (request === undefined) continue;
      const { name, reader, outcome } = malformed;
      expect([reader, name, await codeOf(await serve(request))]).toEqual([reader, name, outcome]);
      expect(publisher.downstreams.size).toBe(0);
      expect(time.pending).toBe(timers);
      const good = await serve(goodSubscription("http://node"));
      const { value } = await good.body!.getReader().read();
      expect(decodeClockMessage(value!.subarray(5)).seq).toBe(source.clock.seq);
      for (const downstream of publisher.downstreams) downstream.close();
    }
    expect(errors).toEqual([]);
  });

  it("does so over a socket as well", async () => {
    const { publisher, errors, serve } = serveSource();
    const listener = await listenHttp2(serve, { host: "127.0.0.1", port: 0 });
    const transport = createHttp2Transport();
    const base = `http://127.0.0.1:${listener.port}`;
    for (const malformed of CASES) {
      const request = toRequest(base, malformed);
      if (request === undefined) continue;
      const { name, reader, outcome } = malformed;
      expect([reader, name, await codeOf(await transport.fetch(request))]).toEqual([
        reader,
        name,
        outcome,
      ]);
    }
    const good = await transport.fetch(goodSubscription(base));
    expect((await good.body!.getReader().read()).value!.length).toBeGreaterThan(20);
    // Streams opened before are gone on both sides once a later stream exists on the same connection.
    expect(publisher.downstreams.size).toBe(1);
    expect(errors).toEqual([]);
    await transport.close();
    await listener.close(0);
  });
});

describe("A replica", () => {
  const SCHEMA = defineSchema({ A: {}, B: { require: ["A"] } });

  it.each(CASES.filter(({ reader }) => reader === "clock" || reader === "stream"))(
    "survives $reader: $name, and follows once its upstream sends valid messages",
    async ({ reader, bytes }) => {
      const tree = new ReplicationTree(SCHEMA);
      const { time, network } = tree;
      const body = reader === "stream" ? bytes : encodeEnvelope(bytes);
      const remove = network.listen(
        "root",
        async () => new Response(body, { headers: { "content-type": STREAM_TYPE } }),
      );
      const replica = tree.replica("leaf", "root");
      await time.advance(10_000);
      expect(network.requests.length).toBeGreaterThan(2);
      expect(replica.clock.epoch).toBe("");
      expect(replica.replica.status).not.toBe("live");
      remove();

      const root = tree.root();
      root.machine.add("A");
      await time.advance(10_000);
      expect(replica.replica.status).toBe("live");
      expect(replica.clock.version).toBe(root.clock.version);

      // The same bytes after a good clock do not change what the replica holds.
      root.kill();
      network.listen(
        "root",
        async () => new Response(body, { headers: { "content-type": STREAM_TYPE } }),
      );
      await time.advance(10_000);
      expect(replica.clock.version).toBe(root.clock.version);
      expect(replica.clock.activeStates()).toEqual(["A"]);
      expect(replica.replica.ageMs()).toBeGreaterThan(9_000);
      await replica.kill();
      expect(time.pending).toBe(0);
    },
  );
});

/** A request that carries a case; undefined for cases that servers do not read. */
function toRequest(base: string, { reader, bytes }: Malformed): Request | undefined {
  const [path, type, body] =
    reader === "request"
      ? [SUBSCRIBE_PATH, STREAM_TYPE, bytes]
      : reader === "subscribe"
        ? [SUBSCRIBE_PATH, STREAM_TYPE, encodeEnvelope(bytes)]
        : reader === "mutate"
          ? [MUTATE_PATH, UNARY_TYPE, bytes]
          : [];
  if (path === undefined) return undefined;
  return new Request(`${base}${path}`, {
    method: "POST",
    headers: { "content-type": type! },
    body: body!,
  });
}

function goodSubscription(base: string): Request {
  const bytes = encodeSubscribeRequest({ name: "good", epoch: "", seq: 0, schemaHash: "" });
  return toRequest(base, { reader: "subscribe", name: "", bytes, outcome: "ok", message: "" })!;
}

/** The code of an error, in a unary response or at the start of a stream. A request refused only for unknown states counts as "ok". */
async function codeOf(response: Response): Promise<string> {
  const isStream = response.headers.get("content-type") === STREAM_TYPE;
  let text: string;
  if (isStream) {
    const reader = response.body!.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value![0] !== 2) return "ok";
    text = new TextDecoder().decode(value!.subarray(5));
  } else {
    text = await response.text();
    if (response.status === 200) return "ok";
  }
  const error = JSON.parse(text) as { code: string; states?: string[]; error?: { code: string } };
  return error.states === undefined ? (error.error?.code ?? error.code) : "ok";
}
