import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { EnvelopeReader, encodeEnvelope } from "./envelope.ts";

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
