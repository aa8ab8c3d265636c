import { describe, expect, it } from "vitest";
import { MAX_TRACE_CONTEXTS } from "./trace_context.ts";
import { TracedTransitions } from "./traced_transitions.ts";

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
