import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseVersion } from "./version.ts";

describe("parseVersion()", () => {
  it("reads back every version", () => {
    const epoch = fc.stringMatching(/^[0-9a-f]{16}$/);
    fc.assert(
      fc.property(epoch, fc.maxSafeNat(), (hex, seq) => {
        expect(parseVersion(`${hex}-${seq}`)).toEqual({ epoch: hex, seq });
      }),
    );
  });

  it.each([
    "",
    "7",
    "-7",
    "00c0ffee00c0ffee",
    "00c0ffee00c0ffee-",
    "00C0FFEE00c0ffee-7",
    "00c0ffee00c0ffee0-7",
    "00c0ffee00c0ffee-07",
    "00c0ffee00c0ffee-7.5",
    "00c0ffee00c0ffee--7",
    "00c0ffee00c0ffee-1e3",
    "00c0ffee00c0ffee-9007199254740992",
    '"00c0ffee00c0ffee-7"',
    " 00c0ffee00c0ffee-7",
    "00c0ffee00c0ffee-7\n",
  ])("refuses %j", (text) => {
    expect(parseVersion(text)).toBeUndefined();
  });

  it("reads only texts that it would write", () => {
    const near = fc.stringMatching(/^[0-9a-f-]{0,24}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (text) => {
        const version = parseVersion(text);
        if (version !== undefined) expect(`${version.epoch}-${version.seq}`).toBe(text);
      }),
    );
  });
});
