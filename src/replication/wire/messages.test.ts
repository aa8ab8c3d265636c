import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ReplicationError } from "../clock/errors.ts";
import type { MutationRequest } from "../clock/mutation.ts";
import { createSelection } from "../clock/selection.ts";
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
import type { ClockMessage } from "./messages.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function diff(values: Partial<ClockMessage>): ClockMessage {
  return {
    seq: 1,
    indexes: new Uint32Array(0),
    ticks: new Float64Array(0),
    checksum: 0,
    wallDeltaMs: 0,
    sentMs: 0,
    ageMs: 0,
    traceContexts: [],
    isDraining: false,
    start: undefined,
    ...values,
  };
}

const TYPICAL = diff({
  seq: 4_711,
  indexes: Uint32Array.of(10, 15, 131),
  ticks: Float64Array.of(3, 8, 27),
  checksum: 0xdeadbeef,
  wallDeltaMs: 3_600_000,
  sentMs: 3_600_000,
  ageMs: 40,
});

describe("encodeClockMessage() and decodeClockMessage()", () => {
  it("encode a typical diff of three states in at most 24 bytes, 38 as sent", () => {
    expect(encodeClockMessage(TYPICAL).length).toBeLessThanOrEqual(24);
    const sentLater = { ...TYPICAL, sentMs: TYPICAL.wallDeltaMs + 3 };
    expect(encodeClockMessage(sentLater)).toEqual(encodeClockMessage(TYPICAL));
  });

  it("still read old bytes", () => {
    const bytes = "08e724120 60a030408731b".replaceAll(" ", "");
    expect(hex(encodeClockMessage(TYPICAL)).startsWith(bytes)).toBe(true);
    expect(decodeClockMessage(encodeClockMessage(TYPICAL))).toEqual(TYPICAL);
    expect(
      decodeClockMessage(unhex("08e72412060a030408731b1defbeadde2080ba" + "b7032828")),
    ).toEqual(TYPICAL);
  });

  it("carry any diff", () => {
    const changes = fc.uniqueArray(fc.tuple(fc.nat(100_000), fc.maxSafeNat()), {
      selector: ([index]) => index,
      maxLength: 40,
    });
    fc.assert(
      fc.property(
        changes,
        fc.maxSafeNat(),
        fc.nat(0xffff_ffff),
        fc.integer(),
        fc.maxSafeNat(),
        fc.oneof(fc.integer(), fc.constant(4), fc.constant(-1)),
        (pairs, seq, checksum, wallDeltaMs, ageMs, sentAfterMs) => {
          const sorted = pairs.sort(([a], [b]) => a - b);
          const indexes = Uint32Array.from(sorted, ([index]) => index);
          const ticks = Float64Array.from(sorted, ([, tick]) => tick);
          const message = diff({
            seq,
            checksum: checksum >>> 0,
            wallDeltaMs,
            sentMs: wallDeltaMs + sentAfterMs,
            ageMs,
            indexes,
            ticks,
          });
          const isLeftOut = sentAfterMs >= 0 && sentAfterMs < 4;
          expect(decodeClockMessage(encodeClockMessage(message))).toEqual({
            ...message,
            sentMs: isLeftOut ? wallDeltaMs : message.sentMs,
          });
        },
      ),
    );
  });

  it("carry a start with schema, snapshot and path, and trace contexts", () => {
    const message = diff({
      traceContexts: [new Uint8Array(25).fill(7), new Uint8Array(25).fill(8)],
      start: {
        epoch: "00000000000000ff",
        wallTimeMs: 1_767_225_600_000,
        heartbeatIntervalMs: 500,
        path: ["root", "rep-1"],
        machineId: "flights",
        schema: { schema: { A: { multi: true }, B: { require: ["A"] } }, names: ["A", "B"] },
        ticks: [0, 0],
        checksum: 0xffff_ffff,
      },
    });
    expect(decodeClockMessage(encodeClockMessage(message))).toEqual(message);
  });

  it("distinguish a snapshot of no states from no snapshot", () => {
    const start = {
      epoch: "00000000000000ff",
      wallTimeMs: 1,
      heartbeatIntervalMs: 1,
      path: [],
      machineId: "",
      checksum: 1,
      schema: undefined,
    };
    for (const ticks of [[], undefined]) {
      expect(
        decodeClockMessage(encodeClockMessage(diff({ start: { ...start, ticks } }))).start?.ticks,
      ).toEqual(ticks);
    }
  });
});

describe("encodeSubscribeRequest() and decodeSubscribeRequest()", () => {
  it("carry the clock of a subscriber", () => {
    const request = {
      name: "rep-1-1",
      epoch: "0123456789abcdef",
      seq: 9,
      schemaHash: "fedcba9876543210",
    };
    expect(decodeSubscribeRequest(encodeSubscribeRequest(request))).toEqual(request);
    const nothing = { name: "rep-1-1", epoch: "", seq: 0, schemaHash: "" };
    expect(decodeSubscribeRequest(encodeSubscribeRequest(nothing))).toEqual(nothing);
  });

  it("carry a selection, in its canonical form", () => {
    const request = { name: "a", epoch: "", seq: 0, schemaHash: "" };
    const selection = createSelection(["Start", "Exception"], ["Flight1"]);
    expect(decodeSubscribeRequest(encodeSubscribeRequest({ ...request, selection }))).toEqual({
      ...request,
      selection,
    });
    const loose = { names: ["B", "A", "A"], prefixes: ["FF", "F"] };
    expect(
      decodeSubscribeRequest(encodeSubscribeRequest({ ...request, selection: loose })).selection,
    ).toEqual({ names: ["A", "B"], prefixes: ["F"] });
  });
});

describe("decodeClockMessage()", () => {
  it("keeps the last 16 trace contexts, without invalid ones", () => {
    const contexts = Array.from({ length: 20 }, (_, i) => new Uint8Array(25).fill(i + 1));
    contexts[18] = new Uint8Array(26);
    contexts[19] = new Uint8Array(24);
    const message = decodeClockMessage(encodeClockMessage(diff({ traceContexts: contexts })));
    expect(message.traceContexts).toEqual(contexts.slice(4, 18));
  });
});

describe("encodeMutateRequest() and decodeMutateRequest()", () => {
  const request: MutationRequest = {
    type: "toggle",
    states: ["Flight1Delayed"],
    argsJson: `{"minutes":5,"why":{"fog":true}}`,
    idempotencyKey: "k-1",
    traceContext: new Uint8Array(25).fill(1),
  };

  it("carry a mutation", () => {
    expect(decodeMutateRequest(encodeMutateRequest(request))).toEqual(request);
    expect(decodeMutateRequest(encodeMutateRequest({ type: "set", states: [] }))).toEqual({
      type: "set",
      states: [],
    });
  });
});

describe("encodeMutateResponse() and decodeMutateResponse()", () => {
  it.each([
    { result: "executed", version: "0123456789abcdef-42" },
    {
      result: "canceled",
      version: "0123456789abcdef-42",
      rejected: { state: "A", by: "relation Remove of B" },
    },
    { result: "canceled", version: "0123456789abcdef-0", rejected: { by: "queue limit of 1000" } },
  ] as const)("carry %j", (response) => {
    expect(decodeMutateResponse(encodeMutateResponse(response))).toEqual(response);
  });
});

describe("decodeProbeResponse()", () => {
  it("accepts what was encoded, and nothing with a wrong bit", () => {
    const bytes = encodeProbeResponse({ sentMs: 123_456, wallTimeMs: 1_767_225_600_000 });
    expect(decodeProbeResponse(bytes)).toEqual({ sentMs: 123_456, wallTimeMs: 1_767_225_600_000 });
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const wrong = bytes.slice();
      wrong[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decodeProbeResponse(wrong)).toThrow(ReplicationError);
    }
  });
});
