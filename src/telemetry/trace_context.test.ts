import { describe, expect, it } from "vitest";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";

const SPAN_CONTEXT = {
  traceId: "0af7651916cd43dd8448eb211c80319c",
  spanId: "b7ad6b7169203331",
  traceFlags: 1,
};

describe("trace contexts", () => {
  it("go to bytes and back", () => {
    const context = fromSpanContext(SPAN_CONTEXT);
    expect(context).toHaveLength(25);
    expect([context[0], context[15], context[16], context[23], context[24]]).toEqual([
      0x0a, 0x9c, 0xb7, 0x31, 1,
    ]);
    expect(toSpanContext(context)).toEqual({ ...SPAN_CONTEXT, isRemote: true });
  });
});
