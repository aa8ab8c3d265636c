import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeArgs, encodeArgs } from "./mutation_args.ts";

/** Args that nest `depth` levels deep; brackets in strings do not count. */
function nested(depth: number): string {
  let value: unknown = 'a "[{\\';
  for (let i = 1; i < depth; i++) value = i % 2 === 0 ? [value] : { 'b "[\\': value };
  return JSON.stringify({ c: value });
}

describe("encodeArgs() and decodeArgs()", () => {
  it("round-trip any args", () => {
    const args = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }));
    fc.assert(
      fc.property(args, (any) => {
        const json = encodeArgs(any);
        expect(JSON.stringify(decodeArgs(json))).toBe(json);
      }),
    );
  });

  it("accept 64 levels, and no more", () => {
    expect(encodeArgs(decodeArgs(nested(64)))).toBe(nested(64));
    expect(() => decodeArgs(nested(65))).toThrow("args_json nests more than 64 levels deep");
    expect(() => encodeArgs(JSON.parse(nested(65)))).toThrow("args nest more than 64 levels deep");
  });

  it("accept long texts", () => {
    const args = { text: '\\"['.repeat(100_000) };
    expect(decodeArgs(encodeArgs(args))).toEqual(args);
  });

  it("refuse with a code what is not a JSON object", () => {
    const circle: Record<string, unknown> = {};
    circle.circle = circle;
    const tooDeep = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    for (const args of [circle, { big: 1n }, JSON.parse(tooDeep)])
      expect(() => encodeArgs(args)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
    for (const json of ["", "{", "[]", "null", "1", '"a"', "[".repeat(30_000), tooDeep])
      expect(() => decodeArgs(json)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });
});
