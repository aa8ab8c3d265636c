/** Passes randomly damaged messages to decoders, to a server in memory and over a socket, and to a replica. */

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { schema, stateNames } from "../../flights/mod.ts";
import { defineSchema } from "../../machine/mod.ts";
import { createHttp2Transport } from "../../runtime/http2_client.ts";
import { listenHttp2 } from "../../runtime/http2_server.ts";
import { applyEdits, edits } from "../../testing/byte_edits.ts";
import { END_HEADERS, END_STREAM, FRAME, RawHttp2 } from "../../testing/raw_http2.ts";
import { ReplicationTree } from "../../testing/replication_tree.ts";
import { serveSource } from "../../testing/served_source.ts";
import { ReplicationError } from "../clock/errors.ts";
import { createSelection } from "../clock/selection.ts";
import {
  EnvelopeReader,
  encodeEnvelope,
  REPLICATION_PATHS,
  STREAM_TYPE,
  SUBSCRIBE_PATH,
  UNARY_TYPE,
} from "./connect.ts";
import {
  decodeClockMessage,
  decodeMutateRequest,
  decodeMutateResponse,
  decodeProbeResponse,
  decodeSubscribeRequest,
  encodeClockMessage,
  encodeMutateRequest,
  encodeMutateResponse,
  encodeProbeResponse,
  encodeSubscribeRequest,
} from "./message_codec.ts";

const EPOCH = "0123456789abcdef";
const HEARTBEAT = {
  seq: 4_711,
  indexes: new Uint32Array(0),
  ticks: new Float64Array(0),
  checksum: 1,
  wallDeltaMs: 3_600_000,
  sentMs: 3_600_100,
  ageMs: 40,
  traceContexts: [new Uint8Array(25).fill(7)],
  start: undefined,
  isDraining: false,
};
const START = {
  epoch: EPOCH,
  wallTimeMs: 1_767_225_600_000,
  heartbeatIntervalMs: 500,
  path: ["root", "rep-1"],
  machineId: "flights",
  schema: { schema, names: stateNames },
  ticks: stateNames.map((_, index) => index),
  checksum: 1,
};
const SUBSCRIBE = encodeSubscribeRequest({
  name: "leaf",
  epoch: EPOCH,
  seq: 5,
  schemaHash: EPOCH,
  selection: createSelection(["A"], ["B"]),
});
const MUTATE = encodeMutateRequest({
  type: "add",
  states: ["A", "B"],
  argsJson: `{"minutes":[5,{"of":"fog"}]}`,
  idempotencyKey: "k",
  traceContext: new Uint8Array(25).fill(7),
});

/** The damaged message, its decoder, and the only code of its errors. */
const MESSAGES: [string, Uint8Array, (bytes: Uint8Array) => unknown, string][] = [
  [
    "a snapshot",
    encodeClockMessage({ ...HEARTBEAT, start: START }),
    (bytes) => decodeClockMessage(bytes),
    "data_loss",
  ],
  [
    "a diff",
    encodeClockMessage({
      ...HEARTBEAT,
      indexes: Uint32Array.of(1, 5, 70),
      ticks: Float64Array.of(1, 2, 300),
    }),
    (bytes) => decodeClockMessage(bytes),
    "data_loss",
  ],
  ["a subscription", SUBSCRIBE, decodeSubscribeRequest, "invalid_argument"],
  ["a mutation", MUTATE, decodeMutateRequest, "invalid_argument"],
  [
    "a mutation's response",
    encodeMutateResponse({
      result: "canceled",
      version: `${EPOCH}-5`,
      rejected: { state: "A", by: "B" },
    }),
    decodeMutateResponse,
    "data_loss",
  ],
  [
    "a probe's response",
    encodeProbeResponse({ sentMs: 5_000_000, wallTimeMs: 1_767_225_600_000 }),
    decodeProbeResponse,
    "data_loss",
  ],
];

describe("Decoders", () => {
  it.each(MESSAGES)(
    "read %s that was damaged, or throw an error with its code",
    (_, bytes, decode, code) => {
      let read = 0;
      let refused = 0;
      const tryDecode = (damaged: Uint8Array) => {
        try {
          decode(damaged);
          read++;
        } catch (error) {
          expect(error).toMatchObject({ name: "ReplicationError", code });
          refused++;
        }
      };
      fc.assert(
        fc.property(edits, (changes) => tryDecode(applyEdits(bytes, changes))),
        { numRuns: 2_000 },
      );
      // The damage is neither always harmless nor always fatal.
      expect(read).toBeGreaterThan(20);
      expect(refused).toBeGreaterThan(20);
      fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), tryDecode), { numRuns: 2_000 });
    },
  );

  it("split damaged envelopes into messages, or refuse them", () => {
    const stream = Buffer.concat([
      encodeEnvelope(SUBSCRIBE),
      encodeEnvelope(MUTATE),
      encodeEnvelope(new Uint8Array(0), true),
    ]);
    fc.assert(
      fc.property(edits, fc.integer({ min: 1, max: 60 }), (changes, size) => {
        const damaged = applyEdits(stream, changes);
        const reader = new EnvelopeReader(1_000);
        let length = 0;
        try {
          for (let at = 0; at < damaged.length; at += size) {
            reader.push(damaged.subarray(at, at + size));
            for (let envelope = reader.read(); envelope; envelope = reader.read())
              length += 5 + envelope.message.length;
          }
          if (!reader.isWithin) expect(length).toBe(damaged.length);
        } catch (error) {
          expect(error).toBeInstanceOf(ReplicationError);
        }
        expect(length).toBeLessThanOrEqual(damaged.length);
      }),
      { numRuns: 2_000 },
    );
  });
});

const CODES = ["invalid_argument", "resource_exhausted", "unimplemented", "failed_precondition"];

describe("A server", () => {
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const oneOf = <T>(...values: T[]) => fc.constantFrom(...values);
  const requests = fc.record({
    method: oneOf("POST", "POST", "POST", "GET", "PUT"),
    path: fc.oneof(
      oneOf(...REPLICATION_PATHS),
      oneOf("/", "/statesource.v1.StateSourceService/", "//"),
    ),
    type: fc.oneof(oneOf(STREAM_TYPE, UNARY_TYPE), oneOf("", "application/json", "a/b;c=d", "ÿ")),
    headers: fc.dictionary(
      oneOf(
        "connect-protocol-version",
        "connect-timeout-ms",
        "content-encoding",
        "connect-content-encoding",
      ),
      oneOf("", "1", "gzip", "identity", "-1", "1e3", "99999999999", "0"),
      { maxKeys: 2 },
    ),
    message: oneOf(
      SUBSCRIBE,
      MUTATE,
      encodeSubscribeRequest({ name: "a", epoch: "", seq: 0, schemaHash: "" }),
    ),
    isFramed: fc.boolean(),
    changes: fc.option(edits, { nil: [] }),
  });

  it("responds to any request as the protocol says, and keeps none", async () => {
    const { publisher, time, errors, serve } = serveSource();
    const statuses = new Map<number, number>();
    const timers = time.pending;
    await fc.assert(
      fc.asyncProperty(
        requests,
        async ({ method, path, type, headers, message, isFramed, changes }) => {
          const body = applyEdits(isFramed ? encodeEnvelope(message) : message, changes);
          const responding = serve(
            new Request(`http://node${path}`, {
              method,
              headers: { ...headers, "content-type": type },
              ...(method !== "GET" && { body }),
            }),
          );
          // Runs deadlines of 0 ms.
          await time.advance(0);
          const response = await responding;
          statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
          expect([200, 400, 404, 405, 415, 429, 501, 504]).toContain(response.status);
          await check(response);
          expect(publisher.downstreams.size).toBe(0);
          expect(time.pending).toBe(timers);
        },
      ),
      { numRuns: 1_500 },
    );
    expect(errors).toEqual([]);
    // Each of these occurred.
    expect([...statuses.keys()].sort()).toEqual(
      expect.arrayContaining([200, 400, 404, 405, 415, 501]),
    );
  });

  /** Checks that errors have a Connect code, and that the stream is readable otherwise. */
  async function check(response: Response): Promise<void> {
    if (response.status === 405 || response.status === 415) return;
    if (response.headers.get("content-type") !== STREAM_TYPE) {
      if (response.status === 200) return;
      expect([...CODES, "deadline_exceeded"]).toContain(
        ((await response.json()) as { code: string }).code,
      );
      return;
    }
    const reader = response.body!.getReader();
    const bytes = (await reader.read()).value!;
    await reader.cancel();
    if (bytes[0] === 2) {
      const trailer = JSON.parse(new TextDecoder().decode(bytes.subarray(5))) as {
        error: { code: string };
      };
      expect(CODES).toContain(trailer.error.code);
    } else {
      expect(decodeClockMessage(bytes.subarray(5)).ageMs).toBe(0);
    }
  }

  it("survives damaged HTTP/2 and damaged requests, and serves the next peer", async () => {
    const { errors, serve, allGone } = serveSource();
    const listener = await listenHttp2(serve, { host: "127.0.0.1", port: 0 });
    ends.push(() => listener.close(0));
    const transport = createHttp2Transport();
    ends.push(() => transport.close());
    const frames = fc.array(
      fc.record({
        type: fc.nat(12),
        flags: fc.nat(255),
        stream: oneOf(0, 1, 3, 5, 2 ** 31 - 1),
        payload: fc.uint8Array({ maxLength: 40 }),
      }),
      { maxLength: 6 },
    );
    await fc.assert(
      fc.asyncProperty(frames, edits, async (hostile, changes) => {
        const peer = await RawHttp2.connect(listener.port);
        peer.post(1, SUBSCRIBE_PATH, { "content-type": STREAM_TYPE }, END_HEADERS);
        peer.send(FRAME.data, END_STREAM, 1, applyEdits(encodeEnvelope(SUBSCRIBE), changes));
        for (const { type, flags, stream, payload } of hostile)
          peer.send(type, flags, stream, payload);
        peer.close();
        const request = new Request(`http://127.0.0.1:${listener.port}${SUBSCRIBE_PATH}`, {
          method: "POST",
          headers: { "content-type": STREAM_TYPE },
          body: encodeEnvelope(
            encodeSubscribeRequest({ name: "good", epoch: "", seq: 0, schemaHash: "" }),
          ),
        });
        const reader = (await transport.fetch(request)).body!.getReader();
        expect(decodeClockMessage((await reader.read()).value!.subarray(5)).start?.path).toEqual([
          "root",
        ]);
        await reader.cancel();
      }),
      { numRuns: 120 },
    );
    expect(errors).toEqual([]);
    await allGone();
  });
});

describe("A replica", () => {
  it("never serves a clock that its source did not have, whatever the damage, and follows afterwards", async () => {
    const damage = fc.option(edits, { nil: undefined, freq: 2 });
    await fc.assert(
      fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 12 }), async (plan) => {
        const tree = new ReplicationTree(defineSchema({ A: {}, B: { require: ["A"] }, C: {} }));
        const root = tree.root();
        const history = new Map([[root.clock.version, root.clock.ticks.join()]]);
        root.clock.onChange(() => history.set(root.clock.version, root.clock.ticks.join()));
        const queue = [...plan];
        tree.network.onPiece = (_, piece) => {
          const changes = queue.shift();
          return changes === undefined ? piece : applyEdits(piece, changes);
        };
        const { clock, replica, kill } = tree.replica("leaf", "root");
        let seq = 0;
        clock.onChange(() => {
          expect(history.get(clock.version)).toBe(clock.ticks.join());
          expect(clock.seq).toBeGreaterThanOrEqual(seq);
          seq = clock.seq;
        });
        for (let step = 0; queue.length > 0 && step < 60; step++) {
          root.machine.toggle(["A", "B", "C"][step % 3]!);
          await tree.time.advance(400);
        }
        queue.length = 0;
        await tree.time.advance(45_000);
        expect(clock.version).toBe(root.clock.version);
        expect(clock.ticks.join()).toBe(root.clock.ticks.join());
        expect(replica.status).toBe("live");
        await kill();
        root.kill();
        expect(tree.time.pending).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
