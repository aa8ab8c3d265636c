import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatTraceparent,
  isSampled,
  isTraceContext,
  MAX_TRACE_CONTEXTS,
  parseTraceparent,
  TracedTransitions,
} from "./trace_context.ts";

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

const context = (byte: number) => new Uint8Array(25).fill(byte);
const bytes = (contexts: readonly Uint8Array[]) => contexts.map((each) => each[0]);

describe("TracedTransitions", () => {
  it("returns the contexts after a seq, in their order", () => {
    const traced = new TracedTransitions();
    traced.add(3, [context(1), context(2)]);
    traced.add(4, []);
    traced.add(7, [context(3)]);
    expect([2, 3, 6, 7].map((seq) => bytes(traced.since(seq)))).toEqual([[1, 2, 3], [3], [3], []]);
    traced.clear();
    expect(traced.since(0)).toEqual([]);
  });

  it("keeps only the last ones", () => {
    const traced = new TracedTransitions();
    for (let seq = 1; seq <= MAX_TRACE_CONTEXTS + 2; seq++) traced.add(seq, [context(seq)]);
    const kept = bytes(traced.since(0));
    expect(kept).toHaveLength(MAX_TRACE_CONTEXTS);
    expect([kept[0], kept.at(-1)]).toEqual([3, MAX_TRACE_CONTEXTS + 2]);
  });
});
