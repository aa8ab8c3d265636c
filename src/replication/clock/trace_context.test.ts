import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTraceparent, isSampled, isTraceContext, parseTraceparent } from "./trace_context.ts";

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN_ID = "b7ad6b7169203331";

describe("parseTraceparent()", () => {
  it("reads trace id, span id and flags", () => {
    const hex = (digits: number) =>
      fc.stringMatching(new RegExp(`^[0-9a-f]{${digits - 1}}[1-9a-f]$`));
    fc.assert(
      fc.property(hex(32), hex(16), hex(2), (traceId, spanId, flags) => {
        const bytes = parseTraceparent(`00-${traceId}-${spanId}-${flags}`);
        const digits = [...bytes!].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        expect(digits).toBe(traceId + spanId + flags);
      }),
    );
  });

  it("reads later versions, with any suffix", () => {
    expect(parseTraceparent(`01-${TRACE_ID}-${SPAN_ID}-01-more`)).toHaveLength(25);
  });

  it.each([
    "",
    TRACE_ID,
    `00-${TRACE_ID}-${SPAN_ID}`,
    `00-${TRACE_ID}-${SPAN_ID}-01-more`,
    `ff-${TRACE_ID}-${SPAN_ID}-01`,
    `00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`,
    `00-${"0".repeat(32)}-${SPAN_ID}-01`,
    `00-${TRACE_ID}-${"0".repeat(16)}-01`,
    `00-${TRACE_ID}-${SPAN_ID}-1`,
  ])("treats %j as absent", (header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });
});

describe("formatTraceparent()", () => {
  it("writes what parseTraceparent() reads", () => {
    const header = `00-${TRACE_ID}-${SPAN_ID}-01`;
    expect(formatTraceparent(parseTraceparent(header)!)).toBe(header);
  });
});

describe("isSampled()", () => {
  it("reads only the lowest bit of the flags", () => {
    for (const [flags, expected] of [
      ["00", false],
      ["01", true],
      ["02", false],
      ["03", true],
    ] as const)
      expect(isSampled(parseTraceparent(`00-${TRACE_ID}-${SPAN_ID}-${flags}`)!)).toBe(expected);
  });
});

describe("isTraceContext()", () => {
  it("returns false for any other context of a mutation", () => {
    expect(isTraceContext(new Uint8Array(25))).toBe(true);
    for (const other of [undefined, null, "x".repeat(25), new Uint8Array(24), { feed: "replay" }])
      expect(isTraceContext(other)).toBe(false);
  });
});
