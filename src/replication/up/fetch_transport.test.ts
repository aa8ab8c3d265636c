import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchTransport } from "./fetch_transport.ts";

describe("fetchTransport()", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("calls fetch as browsers require it, without cookies", async () => {
    const response = new Response();
    vi.stubGlobal("fetch", function (this: unknown, ...args: unknown[]) {
      // Browsers throw "Illegal invocation" for another `this`.
      expect(this).toBeUndefined();
      expect(args).toEqual([request, expect.objectContaining({ credentials: "omit", signal })]);
      return Promise.resolve(response);
    });
    const request = new Request("http://leaf/");
    const { signal } = new AbortController();
    const holder = { transport: fetchTransport };
    expect(await holder.transport(request, { signal })).toBe(response);
  });
});
