import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { locateJsonError } from "./json_error.ts";

describe("locateJsonError()", () => {
  it.each([
    ["", 0, "a value"],
    ["  ", 2, "a value"],
    ["{", 1, "a name in double quotes"],
    ["{'a':1}", 1, "a name in double quotes"],
    ['{"a" 1}', 5, "a colon"],
    ['{"a":}', 5, "a value"],
    ['{"a":1,}', 7, "a name in double quotes"],
    ['{"a":1 "b"', 7, "a comma or }"],
    ["[1,]", 3, "a value"],
    ["[1 2]", 3, "a comma or ]"],
    ["[1", 2, "a comma or ]"],
    ["[01]", 2, "a comma or ]"],
    ["[-]", 1, "a value"],
    ["[tru]", 1, "a value"],
    ['"a\\x"', 2, "the rest of a string"],
    ['"a\nb"', 2, "the rest of a string"],
    ['"abc', 4, "the rest of a string"],
    ["{} x", 3, "the end"],
    ["[}", 1, "a value"],
  ])("finds in %j: %i, not %s", (text, offset, expected) => {
    expect(locateJsonError(text)).toEqual({ offset, expected });
  });

  it("reaches the end of what JSON.parse takes, and stops within what it refuses", () => {
    const noise = fc.constantFrom("{", "}", "[", "]", '"', ",", ":", "1", "-", ".", "\\", " ", "t");
    const position = fc.nat();
    fc.assert(
      fc.property(
        fc.json(),
        fc.array(fc.tuple(position, noise), { maxLength: 2 }),
        (json, edits) => {
          const text = edits.reduce((kept, [at, char]) => {
            const cut = at % (kept.length + 1);
            return kept.slice(0, cut) + char + kept.slice(cut + (at % 2));
          }, json);
          let isJson = true;
          try {
            JSON.parse(text);
          } catch {
            isJson = false;
          }
          const { offset, expected } = locateJsonError(text);
          expect(offset === text.length && expected === "the end").toBe(isJson);
          expect(offset).toBeLessThanOrEqual(text.length);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it("takes any depth", () => {
    expect(locateJsonError("[".repeat(65_536)).offset).toBe(65_536);
    expect(locateJsonError('"'.padEnd(65_536, "a")).offset).toBe(65_536);
  });
});
