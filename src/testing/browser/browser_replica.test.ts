/** src/replication in a browser: a page's replica, fed by `fetch`, equals the source. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { formatAddress, type TreeNode } from "../../tree/mod.ts";
import { useTestNodes } from "../test_node.ts";
import { Chromium, findChromium } from "./chromium.ts";
import { bundlePage, PageServer } from "./page_server.ts";

const NODE = fileURLToPath(new URL("../../cli/node.ts", import.meta.url));
const chromium = findChromium();
// CI has a Chromium; elsewhere the test is skipped.
const isSkipped = chromium === undefined && process.env.REQUIRE_CHROMIUM === undefined;
if (isSkipped) console.warn("Skipped: the replica in a browser, as there is no Chromium here");

describe("A replica in a browser", () => {
  const nodes = useTestNodes();
  const ends: (() => unknown)[] = [];

  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  /** A root in this process, which tests may mutate at will. */
  const startRoot = (addr = "127.0.0.1:0") => nodes.start({ TST_ADDR: addr, TST_DRAIN_MS: "0" });

  /** A leaf in its own process, which tests may kill. */
  async function startLeaf(root: TreeNode, origin: string, httpAddr = "127.0.0.1:0") {
    const child = spawn(process.execPath, [NODE], {
      env: {
        PATH: process.env.PATH,
        TST_NAME: "leaf",
        TST_PARENT_ADDR: formatAddress(root.addr),
        TST_ADDR: "127.0.0.1:0",
        TST_HTTP_ADDR: httpAddr,
        TST_PUSH_INTERVAL_MS: "0",
        TST_CORS_ORIGINS: origin,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    const kill = async () => {
      child.kill("SIGKILL");
      await exited;
    };
    ends.push(kill);
    return { httpAddr: await readHttpAddr(child), kill };
  }

  function mutateALot(root: TreeNode, seed: number): void {
    const { names } = root.machine!;
    for (let i = 0; i < 500; i++) {
      const types = ["add", "remove", "toggle"] as const;
      root.machine![types[i % 3]!]([
        names[(i * seed) % names.length]!,
        names[(i * 31) % names.length]!,
      ]);
    }
  }

  it.skipIf(isSkipped)(
    "equals the source after many mutations, a killed leaf and a new root",
    async () => {
      if (chromium === undefined) throw new Error("Cannot run: there is no Chromium on the path");
      const page = await PageServer.listen(await bundlePage());
      ends.push(() => page.close());
      const first = await startRoot();
      const leaf = await startLeaf(first, page.origin);
      const query = new URLSearchParams({
        name: "page",
        node: `http://${leaf.httpAddr}/`,
        add: "Flight7Delayed",
      });
      const browser = Chromium.open(chromium, `${page.origin}/?${query}`);
      ends.push(() => browser.close());

      const expectEqual = async (root: TreeNode) => {
        const found = await page.until("page", ({ version }) => version === root.clock.version);
        expect(found.ticks).toEqual(Array.from(root.clock.ticks));
        expect(found.activeStates).toEqual(root.clock.activeStates());
        return found;
      };

      // A mutation by the page, which goes up to the root.
      const { mutation } = await page.until(
        "page",
        (found) => found.mutation?.version !== undefined && found.mutation.version !== "",
      );
      expect(mutation).toEqual({ result: "executed", version: first.clock.version });
      expect(first.machine!.is("Flight7Delayed")).toBe(true);
      mutateALot(first, 7);
      const followed = await expectEqual(first);
      expect(followed).toMatchObject({ path: ["root", "leaf"], reconnects: 0, resyncs: {} });

      // A page of another origin than the configured one gets nothing.
      const stranger = await page.until(
        "stranger",
        ({ version, lastError }) => version !== "" || lastError !== undefined,
      );
      expect(stranger).toMatchObject({
        origin: `http://localhost:${page.port}`,
        version: "",
        ticks: [],
      });
      expect(stranger.lastError).toContain("Failed to fetch");

      // The leaf is killed, and restarts at the same address after more mutations.
      await leaf.kill();
      await page.until("page", ({ status }) => status !== "live");
      mutateALot(first, 11);
      await startLeaf(first, page.origin, leaf.httpAddr);
      const resumed = await expectEqual(first);
      expect(resumed.reconnects).toBeGreaterThanOrEqual(1);
      expect(resumed.resyncs).toEqual({});

      // A restarted root has another epoch.
      await first.close();
      const second = await startRoot(formatAddress(first.addr));
      mutateALot(second, 13);
      await expectEqual(second);
      expect(second.clock.epoch).not.toBe(first.clock.epoch);
    },
    60_000,
  );

  it.skipIf(isSkipped)(
    "is a remote machine by connect(), whose mutation shows when it resolves",
    async () => {
      if (chromium === undefined) throw new Error("Cannot run: there is no Chromium on the path");
      const page = await PageServer.listen(await bundlePage("connect_page.ts"));
      ends.push(() => page.close());
      const root = await startRoot();
      const leaf = await startLeaf(root, page.origin);
      const query = new URLSearchParams({ name: "page", node: `http://${leaf.httpAddr}` });
      const browser = Chromium.open(chromium, `${page.origin}/?${query}`);
      ends.push(() => browser.close());
      const { status, activeStates } = await page.until("page", () => true);
      expect(status).toBe("executed");
      expect(activeStates).toContain("Flight7Delayed");
      expect(root.machine!.is("Flight7Delayed")).toBe(true);
      // A binding that comes later in the page sees what happens from then on.
      const seen = page.until("page", (found) => found.activeStates.includes("Flight8Delayed"));
      for (let isSeen = false; !isSeen; ) {
        root.machine!.toggle("Flight8Delayed");
        const soon = new Promise((resolve) => setTimeout(resolve, 100));
        isSeen = (await Promise.race([seen, soon])) !== undefined;
      }
    },
    60_000,
  );
});

/** Reads from a node's log where its HTTP API listens. */
function readHttpAddr(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stdout! }).on("line", (line) => {
      const match = /node started .*http=(\S+)/.exec(line);
      if (match !== null) resolve(match[1]!);
    });
    child.once("exit", (code) => reject(new Error(`The node ended with code ${code}`)));
  });
}
