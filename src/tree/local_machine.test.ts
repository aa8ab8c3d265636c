import { beforeEach, describe, expect, it } from "vitest";
import { useTestNodes } from "../testing/test_node.ts";
import type { LogRecord } from "./log.ts";

describe("TreeNode.localMachine", () => {
  const nodes = useTestNodes();
  let records: LogRecord[] = [];

  beforeEach(() => {
    records = [];
  });

  async function startTree() {
    const options = { onLog: (record: LogRecord) => void records.push(record) };
    const root = await nodes.start({}, options);
    const relay = await nodes.startBelow([root], "rep-1", { TST_ROLE: "relay" }, options);
    const leaf = await nodes.startBelow([relay], "rep-1-1", {}, options);
    await leaf.localMachine!.whenSynced();
    return { root, relay, leaf };
  }

  it("is undefined on the root, which has the machine", async () => {
    const { root, relay } = await startTree();
    expect(root.localMachine).toBeUndefined();
    expect(root.machine).toBeDefined();
    expect(relay.localMachine?.id).toBe("rep-1");
  });

  it("calls handlers on a relay and on a leaf for changes at the root, and logs their errors", async () => {
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

  it("ends with the node, which waits for a running handler", async () => {
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
