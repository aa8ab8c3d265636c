import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EnvelopeReader, encodeEnvelope, fromWireError } from "./connect.ts";

describe("EnvelopeReader", () => {
  it("splits any stream, in chunks of any size, into the messages that were framed", () => {
    const messages = fc.array(
      fc.record({ message: fc.uint8Array({ maxLength: 40 }), isEnd: fc.boolean() }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (sent, sizes) => {
          const bytes = sent.flatMap(({ message, isEnd }) => [...encodeEnvelope(message, isEnd)]);
          const reader = new EnvelopeReader(100);
          const received: { message: Uint8Array; isEnd: boolean }[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length]!;
            reader.push(Uint8Array.from(bytes.slice(at, at + size)));
            at += size;
            for (let envelope = reader.read(); envelope !== undefined; envelope = reader.read())
              received.push(envelope);
          }
          expect(received).toEqual(sent);
          expect(reader.isWithin).toBe(false);
        },
      ),
    );
  });

  it.each([
    ["an unknown flag", [4, 0, 0, 0, 0], /flags 4/],
    ["a compressed message", [1, 0, 0, 0, 0], /compressed/],
    ["a message over the limit", [0, 0, 0, 0, 101], /101 bytes: the limit is 100/],
  ])("refuses %s before its bytes arrive", (_, bytes, message) => {
    const reader = new EnvelopeReader(100);
    reader.push(Uint8Array.from(bytes));
    expect(() => reader.read()).toThrow(message);
  });

  it("reports that it is within an envelope", () => {
    const reader = new EnvelopeReader(100);
    reader.push(encodeEnvelope(Uint8Array.of(1, 2, 3)).subarray(0, 6));
    expect(reader.read()).toBeUndefined();
    expect(reader.isWithin).toBe(true);
  });
});

const text = (length: number) => "x".repeat(length);
const list = (length: number) => Array.from({ length }, (_, i) => `n${i}`);

describe("fromWireError()", () => {
  it.each([
    [{ code: "invalid_argument", states: ["A", 5, { toString: 1 }, text(256)] }, ["A"]],
    [{ code: "invalid_argument", states: list(101) }, list(100)],
    [{ code: "invalid_argument", states: [null] }, []],
    [{ code: "unavailable", states: ["A"] }, []],
  ])("takes up to a hundred names of states from %#", (error, states) => {
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
  ])("creates an error from %#", (value, code, message) => {
    expect(fromWireError(value, "unknown")).toMatchObject({ code, message });
  });
});
