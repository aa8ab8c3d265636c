/**
 * Our messages against those of protoc-gen-es, an independent implementation of Protocol Buffers: each reads
 * what the other writes.
 */

import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as es from "../../../gen/connect/statesource/v1/statesource_pb.js";
import { MUTATION_TYPES, type MutationRequest, type MutationResponse } from "../clock/mutation.ts";
import { createSelection } from "../clock/selection.ts";
import {
  decodeCallRequest,
  decodeCallResponse,
  decodeClockMessage,
  decodeMutateRequest,
  decodeMutateResponse,
  decodeProbeResponse,
  decodeSubscribeRequest,
  encodeCallRequest,
  encodeCallResponse,
  encodeClockMessage,
  encodeMutateRequest,
  encodeMutateResponse,
  encodeProbeResponse,
  encodeSubscribeRequest,
} from "./message_codec.ts";
import type { ClockMessage, Start, SubscribeRequest } from "./messages.ts";
import { toWireSchema } from "./schema_codec.ts";
import { sealProbe } from "./seal.ts";

/** Copies the bytes: ours may be a `Buffer`, and the fields read from it would be as well. */
const read = <Desc extends DescMessage>(schema: Desc, bytes: Uint8Array) =>
  fromBinary(schema, Uint8Array.from(bytes));

const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const hex8 = bytes(8).map((id) => Buffer.from(id).toString("hex"));
const text = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" });
const nodeName = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/);
const wallMs = fc.nat(4_000_000_000_000);

const changes = fc
  .uniqueArray(fc.tuple(fc.nat(100_000), fc.maxSafeNat()), {
    selector: ([index]) => index,
    maxLength: 20,
  })
  .map((pairs) => pairs.sort(([a], [b]) => a - b));

const schemas = fc.uniqueArray(text, { minLength: 1, maxLength: 8 }).chain((names) => {
  const list = fc.option(fc.array(fc.constantFrom(...names), { maxLength: 3 }), { nil: undefined });
  const flag = fc.option(fc.constant(true), { nil: undefined });
  const tags = fc.option(fc.array(text, { maxLength: 2 }), { nil: undefined });
  const state = fc.record({
    auto: flag,
    multi: flag,
    require: list,
    add: list,
    remove: list,
    tags,
  });
  return fc.array(state, { minLength: names.length, maxLength: names.length }).map((states) => ({
    names,
    schema: Object.fromEntries(
      names.map((name, i) => [
        name,
        Object.fromEntries(Object.entries(states[i]!).filter(([, value]) => value !== undefined)),
      ]),
    ),
  }));
});

const starts: fc.Arbitrary<Start> = fc.record({
  epoch: hex8,
  wallTimeMs: wallMs,
  heartbeatIntervalMs: fc.integer({ min: 1, max: 86_400_000 }),
  path: fc.array(nodeName, { maxLength: 5 }),
  machineId: fc.oneof(fc.constant(""), text),
  schema: fc.option(schemas, { nil: undefined }),
  ticks: fc.option(fc.array(fc.maxSafeNat(), { maxLength: 20 }), { nil: undefined }),
  checksum: fc.nat(0xffff_ffff),
});

const clockMessages: fc.Arbitrary<ClockMessage> = fc
  .record({
    seq: fc.maxSafeNat(),
    changes,
    checksum: fc.nat(0xffff_ffff),
    wallDeltaMs: fc.integer(),
    // A message sent less than 4 ms after its change has no stamp.
    sentAfterMs: fc.oneof(fc.constant(0), fc.integer({ min: 4 }), fc.integer({ max: -1 })),
    ageMs: fc.maxSafeNat(),
    traceContexts: fc.array(bytes(25), { maxLength: 16 }),
    start: fc.option(starts, { nil: undefined }),
    isDraining: fc.boolean(),
  })
  .map(({ changes, sentAfterMs, ...rest }) => ({
    ...rest,
    indexes: Uint32Array.from(changes, ([index]) => index),
    ticks: Float64Array.from(changes, ([, tick]) => tick),
    sentMs: rest.wallDeltaMs + sentAfterMs,
  }));

function toEsStart(start: Start): MessageInitShape<typeof es.StartSchema> {
  const { epoch, wallTimeMs, heartbeatIntervalMs, path, machineId, schema, ticks } = start;
  return {
    epoch: unhex(epoch),
    wallTimeMs: BigInt(wallTimeMs),
    heartbeatIntervalMs,
    path: [...path],
    machineId,
    checksum: start.checksum,
    ...(schema && { schema: toEsSchema(toWireSchema(schema.schema, schema.names)) }),
    ...(ticks && { isSnapshot: true, ticks: ticks.map(BigInt) }),
  };
}

function toEsSchema(
  wire: ReturnType<typeof toWireSchema>,
): MessageInitShape<typeof es.SchemaSchema> {
  return {
    shared: wire.shared!,
    suffixes: wire.suffixes!,
    flags: wire.flags!,
    relations: wire.relations!,
    unknown: wire.unknown!,
    tags: wire.tags!.map(({ index, tags }) => ({ index: index!, tags: tags! })),
  };
}

function toEsClockMessage(message: ClockMessage): es.SubscribeResponse {
  const { indexes, ticks } = message;
  return create(es.SubscribeResponseSchema, {
    seq: BigInt(message.seq),
    changes: Array.from(indexes).flatMap((index, i) => [
      BigInt(index - (indexes[i - 1] ?? -1) - 1),
      BigInt(ticks[i]!),
    ]),
    checksum: message.checksum,
    wallDeltaMs: BigInt(message.wallDeltaMs),
    sentAfterMs: BigInt(message.sentMs - message.wallDeltaMs),
    ageMs: BigInt(message.ageMs),
    traceContexts: [...message.traceContexts],
    isDraining: message.isDraining,
    ...(message.start && { start: toEsStart(message.start) }),
  });
}

const subscribeRequests: fc.Arbitrary<SubscribeRequest> = fc
  .record({
    name: nodeName,
    epoch: fc.oneof(fc.constant(""), hex8),
    seq: fc.maxSafeNat(),
    schemaHash: fc.oneof(fc.constant(""), hex8),
    names: fc.array(text, { maxLength: 4 }),
    prefixes: fc.array(text, { maxLength: 4 }),
  })
  .map(({ names, prefixes, ...request }) =>
    names.length + prefixes.length === 0
      ? request
      : { ...request, selection: createSelection(names, prefixes) },
  );

const mutationRequests: fc.Arbitrary<MutationRequest> = fc.record(
  {
    type: fc.constantFrom(...MUTATION_TYPES),
    states: fc.array(text, { maxLength: 6 }),
    argsJson: fc
      .dictionary(text, fc.jsonValue({ maxDepth: 3 }))
      .map((args) => JSON.stringify(args)),
    idempotencyKey: text,
    traceContext: bytes(25),
  },
  { requiredKeys: ["type", "states"] },
);

const mutationResponses: fc.Arbitrary<MutationResponse> = fc
  .record({
    result: fc.constantFrom("executed", "canceled"),
    epoch: hex8,
    seq: fc.maxSafeNat(),
    rejected: fc.option(fc.record({ state: text, by: text }, { requiredKeys: ["by"] }), {
      nil: undefined,
    }),
  })
  .map(({ result, epoch, seq, rejected }) => ({
    result,
    version: `${epoch}-${seq}`,
    ...(rejected && { rejected }),
  }));

describe("Wire messages", () => {
  it("of a stream mean the same to protoc-gen-es", () => {
    fc.assert(
      fc.property(clockMessages, (message) => {
        const twin = toEsClockMessage(message);
        expect(read(es.SubscribeResponseSchema, encodeClockMessage(message))).toEqual(twin);
        expect(decodeClockMessage(toBinary(es.SubscribeResponseSchema, twin))).toEqual(message);
      }),
      { numRuns: 300 },
    );
  });

  it("that subscribe mean the same to protoc-gen-es", () => {
    fc.assert(
      fc.property(subscribeRequests, (request) => {
        const { selection } = request;
        const twin = create(es.SubscribeRequestSchema, {
          name: request.name,
          epoch: unhex(request.epoch),
          seq: BigInt(request.seq),
          schemaHash: unhex(request.schemaHash),
          ...(selection && {
            selection: { names: [...selection.names], prefixes: [...selection.prefixes] },
          }),
        });
        expect(read(es.SubscribeRequestSchema, encodeSubscribeRequest(request))).toEqual(twin);
        expect(decodeSubscribeRequest(toBinary(es.SubscribeRequestSchema, twin))).toEqual(request);
      }),
    );
  });

  it("that mutate mean the same to protoc-gen-es", () => {
    fc.assert(
      fc.property(mutationRequests, (request) => {
        const { type, states, argsJson = "", idempotencyKey = "", traceContext } = request;
        const twin = create(es.MutateRequestSchema, {
          type: es.MutationType[type.toUpperCase() as "ADD"],
          states: [...states],
          argsJson,
          idempotencyKey,
          ...(traceContext && { traceContext }),
        });
        expect(read(es.MutateRequestSchema, encodeMutateRequest(request))).toEqual(twin);
        expect(decodeMutateRequest(toBinary(es.MutateRequestSchema, twin))).toEqual(request);
      }),
    );
  });

  it("that call, and respond to a call, mean the same to protoc-gen-es", () => {
    const requests = fc.record(
      { name: text, argsJson: fc.json(), traceContext: bytes(25) },
      { requiredKeys: ["name"] },
    );
    const responses = fc.record(
      { version: fc.tuple(hex8, fc.maxSafeNat()), resultJson: fc.json() },
      { requiredKeys: ["version"] },
    );
    fc.assert(
      fc.property(requests, (request) => {
        const twin = create(es.CallRequestSchema, request);
        expect(read(es.CallRequestSchema, encodeCallRequest(request))).toEqual(twin);
        expect(decodeCallRequest(toBinary(es.CallRequestSchema, twin))).toEqual(request);
      }),
    );
    fc.assert(
      fc.property(responses, ({ version: [epoch, seq], resultJson }) => {
        const response = {
          version: `${epoch}-${seq}`,
          ...(resultJson !== undefined && { resultJson }),
        };
        const twin = create(es.CallResponseSchema, {
          epoch: unhex(epoch),
          seq: BigInt(seq),
          ...(resultJson !== undefined && { resultJson }),
        });
        expect(read(es.CallResponseSchema, encodeCallResponse(response))).toEqual(twin);
        expect(decodeCallResponse(toBinary(es.CallResponseSchema, twin))).toEqual(response);
      }),
    );
  });

  it("that respond to a mutation mean the same to protoc-gen-es", () => {
    fc.assert(
      fc.property(mutationResponses, (response) => {
        const [epoch, seq] = response.version.split("-") as [string, string];
        const { rejected } = response;
        const twin = create(es.MutateResponseSchema, {
          result: es.MutationResult[response.result.toUpperCase() as "EXECUTED"],
          epoch: unhex(epoch),
          seq: BigInt(seq),
          ...(rejected && { rejected: { state: rejected.state ?? "", by: rejected.by } }),
        });
        expect(read(es.MutateResponseSchema, encodeMutateResponse(response))).toEqual(twin);
        expect(decodeMutateResponse(toBinary(es.MutateResponseSchema, twin))).toEqual(response);
      }),
    );
  });

  it("that respond to a probe mean the same to protoc-gen-es", () => {
    fc.assert(
      fc.property(fc.record({ sentMs: wallMs, wallTimeMs: wallMs }), (response) => {
        const twin = create(es.ProbeResponseSchema, {
          sentMs: BigInt(response.sentMs),
          wallTimeMs: BigInt(response.wallTimeMs),
          checksum: sealProbe(response),
        });
        expect(read(es.ProbeResponseSchema, encodeProbeResponse(response))).toEqual(twin);
        expect(decodeProbeResponse(toBinary(es.ProbeResponseSchema, twin))).toEqual(response);
      }),
    );
  });
});
