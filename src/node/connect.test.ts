import { describe, expect, it, onTestFinished } from "vitest";
import { CallError, createMachine, defineSchema, recordHistory } from "../machine/mod.ts";
import { connect, startNode } from "./node.ts";

const SCHEMA = defineSchema({ Open: { remove: ["Closed"] }, Closed: { auto: true } });
const here = { addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" };

async function startTree() {
  const door = createMachine(SCHEMA, { id: "door" });
  const root = await startNode({ machine: door, ...here });
  const leaf = await startNode({ name: "leaf", parentAddr: root.addr, ...here });
  onTestFinished(async () => {
    await leaf.close();
    await root.close();
  });
  return { door, root, leaf };
}

describe("connect() over HTTP/2", () => {
  it("takes a node's addr, and shows a mutation when it resolves", async () => {
    const { door, leaf } = await startTree();
    const remote = await connect<keyof typeof SCHEMA>(leaf.addr);
    onTestFinished(() => remote.close());
    const { result, version } = await remote.add("Open");
    expect(result).toBe("executed");
    expect(remote.is("Open")).toBe(true);
    expect(remote.version).toBe(version);
    expect(door.is("Open")).toBe(true);
    expect(remote.machineId).toBe("door");
  });

  it("has tracing and a history of the changes that arrive", async () => {
    const { door, leaf } = await startTree();
    const remote = await connect<keyof typeof SCHEMA>(leaf.addr);
    onTestFinished(() => remote.close());
    const history = recordHistory(remote);
    const traced: string[] = [];
    remote.trace({
      change: ({ epoch, seq, flips }) =>
        void traced.push(`${epoch}-${seq} ${flips.map(({ state }) => state).join(" ")}`),
    });
    const opened = await remote.add("Open");
    await remote.remove("Open");
    expect(history.lastActivation("Open")).toMatchObject({
      version: opened.version,
      entered: ["Open"],
    });
    expect(history.lastDeactivation("Open")?.exited).toEqual(["Open"]);
    expect(history.latest).toMatchObject({ version: remote.version, timeSum: door.timeSum });
    expect(history.find({ active: ["Open"], inactive: ["Closed"] })).toHaveLength(1);
    expect(traced).toHaveLength(history.size);
    expect(traced[0]).toBe(`${opened.version} Open`);
  });

  it("calls the root through a leaf, from two remote machines at once", async () => {
    const { door, root, leaf } = await startTree();
    let knocks = 0;
    door.serve({
      knock: ({ times }: { times: number }) => {
        if (times > 9) throw new CallError("invalid_argument", "That is enough");
        knocks += times;
        return { knocks };
      },
    });
    const remotes = await Promise.all([connect(leaf.addr), connect([leaf.addr, root.addr])]);
    onTestFinished(async () => void (await Promise.all(remotes.map((remote) => remote.close()))));
    await Promise.all(remotes.map((remote) => remote.call("knock", { times: 2 })));
    expect(knocks).toBe(4);
    await expect(remotes[0]!.call("knock", { times: 10 })).rejects.toMatchObject({
      code: "invalid_argument",
      message: "That is enough",
    });
    const response = await fetch(`http://${leaf.httpAddr}/calls/knock`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"times":1}',
    });
    expect(await response.json()).toMatchObject({ result: { knocks: 5 } });
  });

  it("rejects for a node that is not there, and leaves nothing that keeps the process", async () => {
    const { root } = await startTree();
    await root.close();
    await expect(connect({ addresses: root.addr, timeoutMs: 300 })).rejects.toThrow(
      /^Cannot connect to 127\.0\.0\.1:\d+ within 300 ms: Cannot reach .* ECONNREFUSED$/,
    );
  });
});
