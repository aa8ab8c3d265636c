import { Agent, request } from "node:http";
import { describe, expect, it } from "vitest";
import { listenHttp } from "./node.ts";

/** Longer than the test's time limit, so that a close that waits for it fails the test. */
const GRACE_MS = 60_000;

describe("listenHttp()", () => {
  it("finishes running requests when it closes, and then closes their connections", async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const listener = await listenHttp(
      async ({ url }) => {
        if (url.endsWith("/slow")) {
          entered.resolve();
          await release.promise;
        }
        return new Response("done");
      },
      { host: "127.0.0.1", port: 0 },
    );
    const agent = new Agent({ keepAlive: true });
    const get = (path: string) =>
      new Promise<string>((resolve, reject) => {
        const options = { host: "127.0.0.1", port: listener.port, path, agent };
        request(options, (response) => {
          let text = "";
          response.on("data", (piece) => (text += piece)).on("end", () => resolve(text));
        })
          .on("error", reject)
          .end();
      });
    const slow = get("/slow");
    await Promise.all([get("/quick"), entered.promise]);

    const closed = listener.close(GRACE_MS);
    await expect(get("/late")).rejects.toThrow(/ECONNREFUSED|socket hang up|ECONNRESET/);
    release.resolve();
    expect(await slow).toBe("done");
    await closed;
    agent.destroy();
  });
});
