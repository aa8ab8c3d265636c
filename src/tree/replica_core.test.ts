import { describe, expect, it } from "vitest";
import { VirtualTime } from "../testing/virtual_time.ts";
import { parseConfig } from "./config.ts";
import { createLogger } from "./log.ts";
import { startNode } from "./node.ts";

describe("The log of a relay or leaf", () => {
  it("says once for each upstream why it cannot be reached, and again when the reason changes", async () => {
    const time = new VirtualTime();
    const lost: string[] = [];
    let tries = 0;
    let reason = "refused";
    const listen = async () => ({ port: 1, close: async () => {} });
    const node = await startNode(
      parseConfig({ TST_NAME: "leaf", TST_PARENT_ADDR: "one:1,two:2", TST_DRAIN_MS: "0" }),
      {
        listenHttp: listen,
        listenHttp2: listen,
        time,
        async transport() {
          tries++;
          throw new Error(reason);
        },
        log: createLogger(
          "info",
          () => time.now(),
          ({ message, fields }) => {
            if (message === "link lost") lost.push(`${fields.upstream}: ${fields.reason}`);
          },
        ),
      },
    );
    await time.advance(20_000);
    expect(tries).toBeGreaterThan(10);
    expect(lost).toEqual([
      "one:1: Cannot reach one:1: refused",
      "two:2: Cannot reach two:2: refused",
    ]);
    reason = "no route";
    await time.advance(20_000);
    expect(lost).toHaveLength(4);
    const closed = node.close();
    await time.advance(0);
    await closed;
  });
});
