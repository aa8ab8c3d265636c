import { afterEach, describe, expect, it } from "vitest";
import { createHttp2Transport, listenHttp, listenHttp2 } from "../runtime/node.ts";
import { formatAddress } from "./address.ts";
import { parseConfig } from "./config.ts";
import { createLogger, type LogRecord } from "./log.ts";
import { startNode, type TreeNode } from "./node.ts";

describe("TreeNode.localMachine", () => {
  const ends: (() => Promise<unknown>)[] = [];
  let records: LogRecord[] = [];

  afterEach(async () => {
    await Promise.all(ends.splice(0).map((end) => end()));
    records = [];
  });

  async function start(env: Record<string, string> = {}): Promise<TreeNode> {
    const transport = createHttp2Transport();
    const config = parseConfig({
      TST_ADDR: "127.0.0.1:0",
      TST_HTTP_ADDR: "127.0.0.1:0",
      TST_FEED: "none",
      ...env,
    });
    const node = await startNode(config, {
      listenHttp,
      listenHttp2,
      transport: transport.fetch,
      log: createLogger("info", Date.now, (record) => records.push(record)),
    });
    ends.push(() => node.close().then(() => transport.close()));
    return node;
  }

  async function startTree() {
    const root = await start();
    const relay = await start({
      TST_NAME: "rep-1",
      TST_ROLE: "relay",
      TST_PARENT_ADDR: formatAddress(root.addr),
      TST_PUSH_INTERVAL_MS: "5",
    });
    const leaf = await start({ TST_NAME: "rep-1-1", TST_PARENT_ADDR: formatAddress(relay.addr) });
    await leaf.localMachine!.whenSynced();
    return { root, relay, leaf };
  }

  it("is not there on the root, which has the machine itself", async () => {
    const { root, relay } = await startTree();
    expect(root.localMachine).toBeUndefined();
    expect(root.machine).toBeDefined();
    expect(relay.localMachine?.id).toBe("rep-1");
  });

  it("tells handlers on a relay and on a leaf of what happens at the root, and logs what they throw", async () => {
    const { root, relay, leaf } = await startTree();
    const [onRelay, onLeaf] = [relay, leaf].map(({ localMachine }) => {
      const { promise, resolve } = Promise.withResolvers<string>();
      localMachine!.handle({
        Flight1DelayedState({ state, change, machine }) {
          resolve(`${machine.id}: ${state} of ${change.epoch}`);
          throw new Error("made up");
        },
      });
      return promise;
    });
    root.machine!.add("Flight1Delayed");
    expect(await Promise.all([onRelay, onLeaf])).toEqual([
      `rep-1: Flight1Delayed of ${root.clock.epoch}`,
      `rep-1-1: Flight1Delayed of ${root.clock.epoch}`,
    ]);
    await expect
      .poll(() => records.filter(({ message }) => message === "handler failed"))
      .toHaveLength(2);
    expect(records.find(({ level }) => level === "error")?.fields).toMatchObject({
      handler: "Flight1DelayedState",
      seq: expect.any(Number),
      error: "Error: made up",
    });
    await leaf.localMachine!.when("Flight1Delayed");
    expect(leaf.clock.checksum).toBe(root.clock.checksum);
  });

  it("ends with the node, which waits for a handler that is under way", async () => {
    const { root, leaf } = await startTree();
    const { promise, resolve } = Promise.withResolvers<AbortSignal>();
    const log: string[] = [];
    leaf.localMachine!.handle({
      async Flight1DelayedState({ signal }) {
        resolve(signal);
        await new Promise((done) => signal.addEventListener("abort", done));
        log.push("handler is done");
      },
    });
    root.machine!.add("Flight1Delayed");
    const signal = await promise;
    expect(signal.aborted).toBe(false);
    await leaf.close().then(() => log.push("node is closed"));
    expect(log).toEqual(["handler is done", "node is closed"]);
    expect(records.filter(({ level }) => level === "error")).toEqual([]);
  });
});
