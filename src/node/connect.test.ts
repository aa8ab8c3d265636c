import { describe, expect, it, onTestFinished } from "vitest";
import { CallError, createMachine, defineSchema } from "../machine/mod.ts";
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
