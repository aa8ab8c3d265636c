import { describe, expect, it } from "vitest";
import { NodeAddress, parseAddress } from "./address.ts";

describe("NodeAddress", () => {
  it("is host:port as text and as JSON, which parseAddress() reads", () => {
    for (const [host, text] of [
      ["127.0.0.1", "127.0.0.1:80"],
      ["::1", "[::1]:80"],
    ] as const) {
      const address = new NodeAddress({ host, port: 80 });
      expect([`${address}`, JSON.parse(JSON.stringify(address))]).toEqual([text, text]);
      expect(parseAddress(text)).toEqual({ host, port: 80 });
    }
  });
});
