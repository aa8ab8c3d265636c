import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesIfNoneMatch, parseVersion, toEntityTag } from "./version.ts";

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

const VERSION = "00c0ffee00c0ffee-7";

describe("matchesIfNoneMatch()", () => {
  it.each([
    [`"${VERSION}"`, true],
    [`W/"${VERSION}"`, true],
    [` "${VERSION}" `, true],
    ["*", true],
    [`"a", W/"b" ,"${VERSION}"`, true],
    [`, ,"${VERSION}",,`, true],
    [`"a,b", "${VERSION}"`, true],
    [`"a\\", "${VERSION}"`, true],
    [undefined, false],
    ["", false],
    [",", false],
    [VERSION, false],
    [`w/"${VERSION}"`, false],
    [`"${VERSION}`, false],
    [`"${VERSION}8"`, false],
    [`"${VERSION}" "b"`, false],
    [`"a" "${VERSION}"`, false],
    [`"${VERSION}", junk`, false],
    [`*, "${VERSION}"`, false],
    [`"x${VERSION}", "${VERSION}x"`, false],
  ])("says of %j: %s", (header, expected) => {
    expect(matchesIfNoneMatch(header, VERSION)).toBe(expected);
  });

  it("finds a tag anywhere in a list, and no other tag", () => {
    const tag = fc.stringMatching(/^[!#-~]*$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(tag, fc.boolean())), tag, (listed, wanted) => {
        const header = listed.map(([text, isWeak]) => (isWeak ? "W/" : "") + toEntityTag(text));
        const isListed = listed.some(([text]) => text === wanted);
        expect(matchesIfNoneMatch(header.join(" ,"), wanted)).toBe(isListed);
      }),
    );
  });

  it("reads any text, in time that grows with its length", () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        expect(matchesIfNoneMatch(`x${header}`, VERSION)).toBe(false);
      }),
    );
    // A parser that backtracks runs into the test's time limit.
    expect(matchesIfNoneMatch(`${'"a" , '.repeat(3_000)}\u0000`, VERSION)).toBe(false);
    expect(matchesIfNoneMatch(" ,".repeat(8_000), VERSION)).toBe(false);
  });
});
