import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSelection } from "../clock/selection.ts";
import { type SealedFields, sealMessage, sealStart } from "./seal.ts";

const EPOCH = "00112233445566ff";
const HASH = "0123456789abcdef";
const MESSAGE: SealedFields = {
  seq: 4_711,
  wallDeltaMs: -1,
  sentMs: 2 ** 40,
  ageMs: 40,
  isDraining: false,
};
const START = {
  epoch: EPOCH,
  wallTimeMs: 1_767_225_600_000,
  heartbeatIntervalMs: 500,
  path: ["root", "rep-1"],
  machineId: "flights",
  ticks: undefined,
};

describe("sealMessage()", () => {
  it("returns what SPEC.md specifies, as computed in Python", () => {
    expect(sealMessage(0, EPOCH, MESSAGE)).toBe(2_937_647_397);
    expect(sealMessage(0xffff_ffff, EPOCH, MESSAGE)).toBe(2_937_647_396);
  });

  it("changes with any field, the epoch, and the clock's checksum", () => {
    const numbers = fc.record({
      seq: fc.maxSafeNat(),
      wallDeltaMs: fc.maxSafeInteger(),
      sentMs: fc.maxSafeInteger(),
      ageMs: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(
        numbers,
        fc.constantFrom(
          "seq" as const,
          "wallDeltaMs" as const,
          "sentMs" as const,
          "ageMs" as const,
        ),
        fc.nat(31),
        fc.nat(0xffff_ffff),
        (fields, name, bit, checksum) => {
          const message = { ...fields, isDraining: false };
          const seal = sealMessage(checksum, EPOCH, message);
          const others = [
            sealMessage(checksum, EPOCH, { ...message, [name]: flip(message[name], bit) }),
            sealMessage(checksum, EPOCH, { ...message, isDraining: true }),
            sealMessage(checksum, EPOCH.replace("6", "7"), message),
            sealMessage(checksum ^ (1 << bit), EPOCH, message),
          ];
          expect(others.filter((other) => other === seal)).toEqual([]);
        },
      ),
    );
  });

  it("distinguishes numbers that share their low word", () => {
    expect(sealMessage(0, EPOCH, { ...MESSAGE, seq: MESSAGE.seq + 2 ** 32 })).not.toBe(
      sealMessage(0, EPOCH, MESSAGE),
    );
  });
});

describe("sealStart()", () => {
  it("returns what SPEC.md specifies, as computed in Python", () => {
    expect(sealStart(START, HASH)).toBe(554_598_658);
  });

  it.each([
    ["epoch", { epoch: EPOCH.replace("6", "7") }],
    ["wall time", { wallTimeMs: START.wallTimeMs + 1 }],
    ["heartbeat interval", { heartbeatIntervalMs: 501 }],
    ["machine", { machineId: "flightz" }],
    ["path", { path: ["root", "rep-2"] }],
    ["where its names end", { path: ["rootr", "ep-1"] }],
    ["kind", { ticks: [] }],
  ])("changes with the %s", (_, change) => {
    expect(sealStart({ ...START, ...change }, HASH)).not.toBe(sealStart(START, HASH));
  });

  it("changes with the names and the prefixes of a selection, and with which is which", () => {
    const seals = [
      undefined,
      createSelection(["A"]),
      createSelection(["B"]),
      createSelection(["A", "B"]),
      createSelection([], ["A"]),
      createSelection([], ["a"]),
      createSelection(["A"], ["B"]),
      createSelection(["B"], ["A"]),
    ].map((selection) => sealStart(START, HASH, selection));
    expect(new Set(seals).size).toBe(seals.length);
  });

  it("changes with the schema", () => {
    expect(sealStart(START, HASH.replace("f", "e"))).not.toBe(sealStart(START, HASH));
  });
});

function flip(value: number, bit: number): number {
  return value + (Math.floor(Math.abs(value) / 2 ** bit) % 2 === 0 ? 2 ** bit : -(2 ** bit));
}
