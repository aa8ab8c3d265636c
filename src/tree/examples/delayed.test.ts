/** The example against a real tree and a real web server that fails at first. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { useTestNodes } from "../../testing/test_node.ts";
import { formatAddress } from "../mod.ts";
import type { DelayedNotice } from "./watch_delayed.ts";

const EXAMPLE = fileURLToPath(new globalThis.URL("delayed.ts", import.meta.url));

interface Received {
  readonly key: string;
  readonly traceparent: string | undefined;
  readonly notice: DelayedNotice;
}

describe("The example of delayed flights", () => {
  const nodes = useTestNodes();
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A web server that responds 503 to the first request, cuts off the second, and accepts the rest. */
  async function startWebhook() {
    const tries: string[] = [];
    const received: Received[] = [];
    const delivered = Promise.withResolvers<void>();
    const server = createServer(async (request, response) => {
      const { "idempotency-key": key = "", traceparent } = request.headers as Record<
        string,
        string
      >;
      const notice = JSON.parse(await text(request)) as DelayedNotice;
      tries.push(key);
      if (tries.length === 1) response.writeHead(503).end();
      else if (tries.length === 2) request.socket.destroy();
      else {
        received.push({ key, traceparent, notice });
        response.end();
        delivered.resolve();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    ends.push(() => {
      server.closeAllConnections();
      server.close();
    });
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/delayed`,
      tries,
      received,
      delivered: delivered.promise,
    };
  }

  /** Runs the command, and waits for lines of its output. */
  function run(...args: string[]) {
    const child: ChildProcess = spawn(process.execPath, [EXAMPLE, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    ends.push(() => child.kill("SIGKILL"));
    const lines: string[] = [];
    const waiting: (() => void)[] = [];
    createInterface({ input: child.stdout! }).on("line", (line) => {
      lines.push(line);
      for (const check of waiting) check();
    });
    return {
      child,
      lines,
      until: (pattern: RegExp) =>
        new Promise<void>((resolve) => {
          const check = () => lines.some((line) => pattern.test(line)) && resolve();
          waiting.push(check);
          check();
        }),
    };
  }

  it("follows a relay, logs, retries a webhook that fails at first, and ends cleanly", async () => {
    const root = await nodes.start({ TST_DRAIN_MS: "0" });
    const relay = await nodes.startBelow([root], "rep-1", { TST_ROLE: "relay", TST_DRAIN_MS: "0" });
    const webhook = await startWebhook();
    root.machine!.add(["Flight1Outbound", "Flight1Gate3", "Flight1OnTime"]);
    root.machine!.add("Flight2Delayed");
    const upstream = formatAddress(relay.addr);
    const { child, lines, until } = run("--parent-addr", upstream, "--webhook", webhook.url);
    await until(/link live/);
    root.machine!.add("Flight1Delayed");
    await webhook.delivered;
    const key = `${root.clock.epoch}-Flight1Delayed-1`;
    expect(webhook.tries).toEqual([key, key, key]);
    expect(webhook.received).toEqual([
      {
        key,
        traceparent: undefined,
        notice: {
          flight: "Flight1",
          direction: "Outbound",
          gate: "3",
          isDelayed: true,
          version: expect.stringMatching(`^${root.clock.epoch}-\\d+$`),
          changedAt: new Date(root.clock.changedAtMs).toISOString(),
        },
      },
    ]);
    await until(/notice delivered .*attempts=3/);
    child.kill("SIGINT");
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(lines.filter((line) => /flight is delayed/.test(line))).toEqual([
      expect.stringMatching(/flight=Flight1 direction=Outbound gate=3 isDelayed=true/),
    ]);
    expect(lines.filter((line) => /notice (failed|lost)/.test(line))).toEqual([
      expect.stringMatching(/notice failed .*attempt=1 reason="status 503"/),
      expect.stringMatching(/notice failed .*attempt=2 reason="no connection \(/),
    ]);
    expect(lines.at(-1)).toMatch(/node stopped/);
  }, 30_000);

  it.each([
    [["--webhook", "ftp://example.com/"], /^Cannot use --webhook: "ftp:\/\/example.com\/" is not/],
    [["--role", "root", "--parent-addr", ""], /^Cannot watch from the root: /],
  ])("reports what is wrong with %j", async (args, expected) => {
    const child = spawn(process.execPath, [EXAMPLE, ...args], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const [problem, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
    expect(problem).toMatch(expected);
    expect(problem).not.toMatch(/^ +at /m);
    expect(code).toBe(2);
  });
});
