import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { matchesIfNoneMatch, toEntityTag } from "./entity_tag.ts";

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
