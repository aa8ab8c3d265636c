import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { negotiateMediaType } from "./accept.ts";

const AVAILABLE = ["application/json", "text/plain"] as const;
const JSON_TYPE = "application/json";
const TEXT = "text/plain";

describe("negotiateMediaType()", () => {
  it.each([
    [undefined, JSON_TYPE],
    ["", JSON_TYPE],
    [" , ,", JSON_TYPE],
    ["nonsense", JSON_TYPE],
    ["*/*", JSON_TYPE],
    ["application/json", JSON_TYPE],
    ["APPLICATION/JSON", JSON_TYPE],
    ["text/plain", TEXT],
    ["text/*", TEXT],
    ["text/plain;charset=utf-8", TEXT],
    ['text/plain; charset="UTF-8"', TEXT],
    ["text/plain;charset=latin1", undefined],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON_TYPE],
    ["text/plain, application/json", JSON_TYPE],
    ["text/plain, application/json;q=0.9", TEXT],
    ["text/plain;q=0.5, */*;q=0.1", TEXT],
    ["*/*, application/json;q=0", TEXT],
    ["text/*;q=0.3, text/plain;q=0.1, application/json;q=0.2", JSON_TYPE],
    ["application/json;q=0, text/plain;q=0.0", undefined],
    ["text/plain;q=2", JSON_TYPE],
    ["text/plain;q=0.1234, application/json;q=0", undefined],
    ["text/plain ; q=1 ; ext=x, application/json;q=0.5", TEXT],
    ["application/json;v=1, text/plain;q=0.1", TEXT],
    ['application/json;v="a,b", text/plain', TEXT],
    ['application/json;v="a\\",b;q=1", text/plain', TEXT],
    ["*/json", JSON_TYPE],
    ["image/png", undefined],
    ["image/png, */plain", undefined],
    ["text/plain;;q=0.5;", TEXT],
  ])("chooses for %j: %s", (header, expected) => {
    expect(negotiateMediaType(header, AVAILABLE)).toBe(expected);
  });

  it("agrees with the definition for any well-formed header", () => {
    const range = fc.constantFrom("*/*", "text/*", "application/*", TEXT, JSON_TYPE, "image/png");
    const quality = fc.integer({ min: 0, max: 1000 }).map((thousandths) => thousandths / 1000);
    const headers = fc.uniqueArray(fc.tuple(range, quality), {
      minLength: 1,
      selector: ([name]) => name,
    });
    fc.assert(
      fc.property(headers, (ranges) => {
        const header = ranges.map(([name, q]) => `${name};q=${q}`).join(" , ");
        const byName = new Map<string, number>(ranges);
        const qualityOf = (type: string): number =>
          byName.get(type) ?? byName.get(`${type.split("/")[0]}/*`) ?? byName.get("*/*") ?? 0;
        const [json, text] = [qualityOf(JSON_TYPE), qualityOf(TEXT)];
        const expected = text > json ? TEXT : json > 0 ? JSON_TYPE : undefined;
        expect(negotiateMediaType(header, AVAILABLE)).toBe(expected);
      }),
    );
  });

  it("chooses some type, or none, for any text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (header) => {
        expect([...AVAILABLE, undefined]).toContain(negotiateMediaType(header, AVAILABLE));
      }),
    );
  });

  // A parser that backtracks runs into the test's time limit.
  it.each([
    ["; ", 28],
    ...['"', '\\"', "a/b;", ";q=", " ;", "a/b;c=d", ' a="\\', "=", " ", "\t,", "/"].map(
      (part): [string, number] => [part, 16_000 / part.length],
    ),
  ])("reads a run of %j in time that grows with its length", (part, times) => {
    const chosen = negotiateMediaType(`a/b${part.repeat(times)}@`, AVAILABLE);
    expect([...AVAILABLE, undefined]).toContain(chosen);
  });
});
