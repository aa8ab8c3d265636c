import { afterEach, describe, expect, it } from "vitest";
import { createMachine, defineSchema, pipe, pipeAny, syncStates } from "../machine/mod.ts";
import { ReplicationTree } from "../testing/replication_tree.ts";
import { connectOver } from "./connect.ts";

const SCHEMA = defineSchema({ Open: {}, Alarm: {} });
type State = keyof typeof SCHEMA | "Exception";

describe("Pipes of a remote machine", () => {
  const tree = new ReplicationTree(SCHEMA);

  afterEach(() => tree.close());

  async function setUp() {
    const root = tree.root();
    const connecting = connectOver<State>(() => ({ transport: tree.network.transport }), {
      addresses: "http://root",
      time: tree.time,
    });
    await tree.time.advance(500);
    const remote = await connecting;
    const local = createMachine(SCHEMA, { id: "local" });
    return { root, remote, local };
  }

  it("carry its states to a machine here, and back", async () => {
    const { root, remote, local } = await setUp();
    pipe(remote, "Open", local, "Open");
    pipe(local, "Alarm", remote, "Alarm");
    root.machine.add("Open");
    await tree.time.advance(500);
    expect(local.is("Open")).toBe(true);
    local.add("Alarm");
    await tree.time.advance(500);
    expect(root.machine.is("Alarm")).toBe(true);
    root.machine.remove("Open");
    local.remove("Alarm");
    await tree.time.advance(500);
    expect(local.is("Open")).toBe(false);
    expect(root.machine.is("Alarm")).toBe(false);
    await remote.close();
  });

  it("keep all states of one equal to those of the other, and copy them once", async () => {
    const { root, remote, local } = await setUp();
    local.add("Open");
    syncStates(local, remote, ["Open", "Alarm"]);
    pipeAny(remote, local);
    await tree.time.advance(500);
    expect(root.machine.is("Open")).toBe(true);
    root.machine.set("Alarm");
    await tree.time.advance(500);
    expect(local.activeStates()).toEqual(["Alarm"]);
    await remote.close();
  });

  it("report a mutation that the root does not confirm", async () => {
    const { root, remote, local } = await setUp();
    const errors: string[] = [];
    pipe(local, "Open", remote, "Open", { onError: ({ message }) => errors.push(message) });
    root.kill();
    local.add("Open");
    for (let i = 0; i < 30; i++) await tree.time.advance(500);
    expect(errors).toEqual([
      "Cannot confirm the mutation within 10000 ms: the root may run it nevertheless",
    ]);
    await remote.close();
  });
});
