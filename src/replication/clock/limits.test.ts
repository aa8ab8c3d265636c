/** The limits of SPEC.md on what messages hold, each just within and just beyond. */

import { describe, expect, it } from "vitest";
import { statesource } from "../../../gen/statesource.js";
import {
  decodeClockMessage,
  decodeProbeResponse,
  decodeSubscribeRequest,
  encodeProbeResponse,
} from "../wire/message_codec.ts";
import type { ProbeResponse } from "../wire/messages.ts";
import { decodeMutateRequest, decodeMutateResponse } from "../wire/mutation_messages.ts";
import { fromWireError } from "../wire/wire_error.ts";

const { v1 } = statesource;
const EPOCH = new Uint8Array(8).fill(1);
/** A million states would take long; the limit is given here. */
const SCHEMA_LIMITS = { maxStates: 3, maxNameLength: 4 };

const START = {
  epoch: EPOCH,
  wallTimeMs: 1,
  heartbeatIntervalMs: 500,
  path: ["root"],
  machineId: "m",
};
const readStart = (start: statesource.v1.IStart) =>
  decodeClockMessage(
    v1.SubscribeResponse.encode({ seq: 1, start: { ...START, ...start } }).finish(),
    SCHEMA_LIMITS,
  );
const readDiff = (diff: statesource.v1.ISubscribeResponse) =>
  decodeClockMessage(v1.SubscribeResponse.encode(diff).finish());
const readSchema = (schema: statesource.v1.ISchema) =>
  readStart({
    schema: { shared: [0], suffixes: ["A"], flags: new Uint8Array(1), ...schema },
  });
const subscribe = (request: statesource.v1.ISubscribeRequest) =>
  decodeSubscribeRequest(v1.SubscribeRequest.encode({ name: "leaf", ...request }).finish());
const mutate = (request: statesource.v1.IMutateRequest) =>
  decodeMutateRequest(v1.MutateRequest.encode({ type: 1, ...request }).finish());
const reply = (answer: statesource.v1.IMutateResponse) =>
  decodeMutateResponse(v1.MutateResponse.encode({ result: 1, epoch: EPOCH, ...answer }).finish());

const probeReply = (answer: Partial<ProbeResponse>) =>
  decodeProbeResponse(encodeProbeResponse({ sentMs: 0, wallTimeMs: 0, ...answer }));

const text = (length: number) => "x".repeat(length);
const list = (length: number) => Array.from({ length }, (_, i) => `n${i}`);
const SAFE = Number.MAX_SAFE_INTEGER;
const WALL = 4_320_000_000_000_000;

describe("Limits on requests", () => {
  it.each<[string, () => unknown, () => unknown, RegExp]>([
    [
      "the name of a subscriber",
      () => subscribe({ name: text(255) }),
      () => subscribe({ name: text(256) }),
      /name has 256 characters, not 1 to 255/,
    ],
    [
      "the letters in it",
      () => subscribe({ name: "Überlingen 1" }),
      () => subscribe({ name: "a\u001b[2J" }),
      /name has control characters/,
    ],
    ["a seq", () => subscribe({ seq: SAFE }), () => subscribe({ seq: 2 ** 53 }), /seq is 900/],
    [
      "the name of a state",
      () => mutate({ states: [text(255)] }),
      () => mutate({ states: ["A", text(256)] }),
      /a state's name has 256 characters, more than 255/,
    ],
    [
      "an idempotency key",
      () => mutate({ idempotencyKey: text(255) }),
      () => mutate({ idempotencyKey: text(256) }),
      /idempotency_key has 256 characters, more than 255/,
    ],
    [
      "a trace context",
      () => mutate({ traceContext: new Uint8Array(25) }),
      () => mutate({ traceContext: new Uint8Array(24) }),
      /trace_context has 24 bytes, not 0 or 25/,
    ],
  ])("hold for %s", (_, within, beyond, message) => {
    expect(within).not.toThrow();
    expect(beyond).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    expect(beyond).toThrow(message);
  });
});

describe("Limits on what comes from upstream", () => {
  it.each<[string, () => unknown, () => unknown, RegExp]>([
    [
      "the path",
      () => readStart({ path: list(255) }),
      () => readStart({ path: list(256) }),
      /the path from the root has 256 nodes, more than 255/,
    ],
    [
      "the names in it",
      () => readStart({ path: [text(255)] }),
      () => readStart({ path: ["root", text(256)] }),
      /a name in the path has 256 characters/,
    ],
    [
      "a machine's id",
      () => readStart({ machineId: text(255) }),
      () => readStart({ machineId: text(256) }),
      /machine id has 256 characters, more than 255/,
    ],
    [
      "a heartbeat interval",
      () => readStart({ heartbeatIntervalMs: 86_400_000 }),
      () => readStart({ heartbeatIntervalMs: 86_400_001 }),
      /heartbeat interval is 86400001 ms/,
    ],
    [
      "a wall time",
      () => readStart({ wallTimeMs: WALL }),
      () => readStart({ wallTimeMs: WALL + 1 }),
      /wall time is 4320/,
    ],
    [
      "its delta",
      () => readDiff({ wallDeltaMs: -WALL }),
      () => readDiff({ wallDeltaMs: -WALL - 1 }),
      /wall time is 4320/,
    ],
    [
      "a stamp",
      () => readDiff({ sentAfterMs: WALL }),
      () => readDiff({ sentAfterMs: WALL + 1 }),
      /stamp is 4320/,
    ],
    [
      "the stamp of a probe's answer",
      () => probeReply({ sentMs: WALL }),
      () => probeReply({ sentMs: WALL + 1 }),
      /stamp is 4320/,
    ],
    [
      "the wall time of a probe's answer",
      () => probeReply({ wallTimeMs: WALL }),
      () => probeReply({ wallTimeMs: WALL + 1 }),
      /wall time is 4320/,
    ],
    ["a seq", () => readDiff({ seq: SAFE }), () => readDiff({ seq: 2 ** 53 }), /seq is 900/],
    ["an age", () => readDiff({ ageMs: SAFE }), () => readDiff({ ageMs: 2 ** 53 }), /age is 900/],
    [
      "a tick in a diff",
      () => readDiff({ changes: [0, SAFE] }),
      () => readDiff({ changes: [0, 2 ** 53] }),
      /tick is 900/,
    ],
    [
      "a tick in a snapshot",
      () => readStart({ isSnapshot: true, ticks: [1, SAFE] }),
      () => readStart({ isSnapshot: true, ticks: [1, 2 ** 53] }),
      /tick is 900/,
    ],
    [
      "an index",
      () => readDiff({ changes: [0xffff_ffff, 1] }),
      () => readDiff({ changes: [0xffff_ffff, 1, 0, 1] }),
      /names state 4294967296/,
    ],
    ["a reply's seq", () => reply({ seq: SAFE }), () => reply({ seq: 2 ** 53 }), /seq is 900/],
    [
      "the states of a schema",
      () => readSchema({ shared: [0, 0, 0], suffixes: list(3), flags: new Uint8Array(3) }),
      () => readSchema({ shared: [0, 0, 0, 0], suffixes: list(4), flags: new Uint8Array(4) }),
      /4 states, more than 3/,
    ],
    [
      "their names",
      () => readSchema({ suffixes: [text(4)] }),
      () => readSchema({ suffixes: [text(5)] }),
      /name 0 has 5 characters, not 1 to 4/,
    ],
    [
      "their flags",
      () => readSchema({ flags: Uint8Array.of(3) }),
      () => readSchema({ flags: Uint8Array.of(64) }),
      /the flags of "A" are 64/,
    ],
    [
      "names that only Require lists",
      () => readSchema({ unknown: [text(4)] }),
      () => readSchema({ unknown: [text(5)] }),
      /a required name has 5 characters/,
    ],
    [
      "how many of these there are",
      () => readSchema({ unknown: list(3) }),
      () => readSchema({ unknown: list(4) }),
      /4 required names, more than 3/,
    ],
    [
      "tags",
      () => readSchema({ tags: [{ index: 0, tags: list(3) }] }),
      () => readSchema({ tags: [{ index: 0, tags: list(4) }] }),
      /4 tags, more than 3/,
    ],
    [
      "the length of a tag",
      () => readSchema({ tags: [{ index: 0, tags: [text(4)] }] }),
      () => readSchema({ tags: [{ index: 0, tags: [text(5)] }] }),
      /a tag has 5 characters, not 1 to 4/,
    ],
  ])("hold for %s", (_, within, beyond, message) => {
    expect(within).not.toThrow();
    expect(beyond).toThrow(expect.objectContaining({ code: "data_loss" }));
    expect(beyond).toThrow(message);
  });

  it("pass over a trace context that is none: it is no reason to refuse a clock", () => {
    const good = new Uint8Array(25).fill(1);
    const traceContexts = [new Uint8Array(24), good, new Uint8Array(26)];
    expect(readDiff({ seq: 1, traceContexts }).traceContexts).toEqual([good]);
  });
});

describe("fromWireError()", () => {
  it.each([
    [{ code: "invalid_argument", states: ["A", 5, { toString: 1 }, text(256)] }, ["A"]],
    [{ code: "invalid_argument", states: list(101) }, list(100)],
    [{ code: "invalid_argument", states: [null] }, []],
    [{ code: "unavailable", states: ["A"] }, []],
  ])("takes a hundred names of states, and nothing else, from %#", (error, states) => {
    expect(fromWireError(error, "unknown").states).toEqual(states);
  });

  it.each([
    [{ code: "unavailable", message: text(1_001) }, "unavailable", text(1_000)],
    [{ code: "aborted" }, "aborted", 'The peer responded with the error "aborted"'],
    [{ code: "unauthenticated" }, "unknown", 'The peer responded with the error "unauthenticated"'],
    [{ code: { toString: 1 } }, "unknown", 'The peer responded with the error "unknown"'],
    [{ code: "unknown_state", message: "no" }, "invalid_argument", "no"],
    [{ code: "toString" }, "unknown", 'The peer responded with the error "toString"'],
    [null, "unknown", 'The peer responded with the error "unknown"'],
    ["broken", "unknown", 'The peer responded with the error "unknown"'],
  ])("makes an error of %#, whatever it is", (value, code, message) => {
    expect(fromWireError(value, "unknown")).toMatchObject({ code, message });
  });
});
