import { afterEach, describe, expect, it, vi } from "vitest";
import { createMachine, defineSchema } from "../machine/mod.ts";
import * as runtime from "../runtime/node.ts";
import { startTelemetry } from "../telemetry/setup.ts";
import { OtlpReceiver } from "../testing/otlp_receiver.ts";
import { mutate, request, untilClock } from "../testing/test_node.ts";
import { createStartNode } from "./create_start_node.ts";
import {
  ConfigError,
  type LogRecord,
  type StartNodeOptions,
  startNode,
  type TreeNode,
} from "./node.ts";

const PORTS = { addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" };

const nodes: Pick<TreeNode, "close">[] = [];

afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

async function start<N extends string = string>(
  options: StartNodeOptions<N>,
): Promise<TreeNode<N>> {
  const node = await startNode({ ...PORTS, drainMs: 200, ...options });
  nodes.push(node);
  return node;
}

const DOOR = defineSchema({
  Open: { remove: ["Closed"] },
  Closed: { auto: true, remove: ["Open"] },
});

function createDoor(id = "door") {
  return createMachine(DOOR, { id });
}

async function readJson(node: TreeNode, path: string): Promise<unknown> {
  return await (await request(node, path)).json();
}

describe("startNode()", () => {
  it("makes a root of any machine, and a leaf that follows it, shows its states and forwards mutations", async () => {
    const door = createDoor();
    const root = await startNode({ machine: door, addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" });
    nodes.push(root);
    const leaf = await start({ name: "leaf", parentAddr: root.addr });
    expect([root.name, root.role, root.machineId]).toEqual(["root", "root", "door"]);
    expect([leaf.name, leaf.role]).toEqual(["leaf", "leaf"]);
    expect(root.machine).toBe(door);
    // @ts-expect-error: not one of the machine's states
    expect(() => root.machine!.add("Opn")).toThrow(/Opn/);

    const response = await mutate(leaf, { type: "add", states: ["Open"] });
    expect(response.status).toBe(200);
    const { result, version } = (await response.json()) as { result: string; version: string };
    expect(result).toBe("executed");
    expect(door.is("Open")).toBe(true);
    expect(await readJson(leaf, `/states?min-version=${version}&wait=5000`)).toMatchObject({
      machine: "door",
      node: "leaf",
      version,
      states: ["Open"],
    });
    expect(leaf.machineId).toBe("door");
    expect((await mutate(leaf, { type: "add", states: ["Opn"] })).status).toBe(422);
  });

  it("hands on the machine's id and states from node to node", async () => {
    const root = await start({ machine: createDoor() });
    const relay = await start({ name: "relay", role: "relay", parentAddr: `${root.addr}` });
    const leaf = await start({ name: "leaf", parentAddr: [relay.addr, root.addr] });
    await leaf.localMachine!.whenSynced();
    expect(leaf.localMachine!.names).toEqual(["Closed", "Exception", "Open"]);
    for (const node of [root, relay, leaf]) {
      expect(await readJson(node, "/schema")).toMatchObject({ machine: "door" });
      expect(await readJson(node, "/topology")).toMatchObject({ node: { machine: "door" } });
    }
  });

  it("shows no machine before its first clock", async () => {
    const leaf = await start({ name: "leaf", parentAddr: "127.0.0.1:1" });
    expect(leaf.machineId).toBe("");
    expect((await request(leaf, "/states?wait=0")).status).toBe(503);
    expect(await readJson(leaf, "/topology")).toMatchObject({ node: { machine: null } });
  });

  it("shows the machine of a new root at the same address", async () => {
    const first = await start({ machine: createDoor("front") });
    const leaf = await start({ name: "leaf", parentAddr: first.addr });
    await untilClock(leaf.clock, () => leaf.machineId === "front");
    await first.close();
    const second = await start({ machine: createDoor("back"), addr: first.addr });
    await untilClock(leaf.clock, () => leaf.clock.epoch === second.clock.epoch);
    expect(await readJson(leaf, "/states")).toMatchObject({ machine: "back" });
    expect(await readJson(leaf, "/schema")).toMatchObject({ machine: "back" });
  });

  it("shows in metrics the machine of a new root two hops away", async () => {
    const first = await start({ machine: createDoor("front") });
    const relay = await start({ name: "relay", role: "relay", parentAddr: first.addr });
    const leaf = await start({ name: "leaf", parentAddr: relay.addr, telemetry: true });
    const metrics = async () => await (await request(leaf, "/metrics")).text();
    await leaf.localMachine!.whenSynced();
    expect(await metrics()).toContain('machine_id="front"');
    await first.close();
    const second = await start({ machine: createDoor("back"), addr: first.addr });
    await untilClock(leaf.clock, () => leaf.clock.epoch === second.clock.epoch);
    expect(await metrics()).toContain('machine_id="back"');
    expect(await metrics()).not.toContain('machine_id="front"');
  });

  it("follows only the selected states", async () => {
    const root = await start({ machine: createDoor() });
    const leaf = await start({ name: "leaf", parentAddr: root.addr, states: ["Op*", "Exception"] });
    await leaf.localMachine!.whenSynced();
    expect(leaf.clock.names).toEqual(["Exception", "Open"]);
  });

  it("knows the names that the program relies on before the first clock", async () => {
    const leaf = await start({
      name: "leaf",
      parentAddr: "127.0.0.1:1",
      stateNames: ["Open", "Closed"],
    });
    const isOpen = leaf.localMachine!.when("Open");
    // @ts-expect-error: not one of the names
    expect(() => leaf.localMachine!.when("Opn")).toThrow(/Opn/);
    await leaf.close();
    await isOpen;
  });

  it("runs two roots in one process, which share nothing", async () => {
    const startPair = async (id: string) => {
      const door = createDoor(id);
      const root = await start({ machine: door });
      return { door, leaf: await start({ name: "leaf", parentAddr: root.addr }) };
    };
    const [front, back] = [await startPair("front"), await startPair("back")];
    const response = await mutate(front.leaf, { type: "add", states: ["Open"] });
    const { version } = (await response.json()) as { version: string };
    await back.leaf.localMachine!.whenSynced();
    expect([front.door.is("Open"), back.door.is("Open")]).toEqual([true, false]);
    expect(await readJson(front.leaf, `/states?min-version=${version}&wait=5000`)).toMatchObject({
      machine: "front",
      states: ["Open"],
    });
    expect(await readJson(back.leaf, "/states")).toMatchObject({ machine: "back", states: [] });
  });

  it("keeps metrics and traces of two roots apart, by the id of the machine", async () => {
    const receiver = await OtlpReceiver.start();
    nodes.push(receiver);
    vi.stubEnv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url);
    vi.stubEnv("OTEL_TRACES_SAMPLER", "always_on");
    const [front, back] = await Promise.all(
      ["front", "back"].map((id) => start({ machine: createDoor(id), telemetry: true })),
    );
    front!.machine!.add("Open");
    front!.machine!.add("Exception");
    back!.machine!.remove("Closed");
    const executed = async (root: TreeNode) => {
      const metrics = await (await request(root, "/metrics")).text();
      const lines = metrics
        .split("\n")
        .filter((line) => line.startsWith("machine_transitions_total"));
      const added = lines.find((line) => /result="executed",type="add"/.test(line))!;
      return [/machine_id="(\w+)"/.exec(added)?.[1], added.split(" ").at(-1)];
    };
    expect([await executed(front!), await executed(back!)]).toEqual([
      ["front", "2"],
      ["back", "0"],
    ]);
    await Promise.all([front!.close(), back!.close()]);
    const transitions = receiver.spans.filter(({ name }) => name === "transition");
    const types = (id: string) =>
      transitions
        .filter(({ resource }) => resource["machine.id"] === id)
        .map(({ attributes }) => [attributes["machine.id"], attributes["machine.mutation.type"]]);
    expect(types("front")).toEqual([
      ["front", "add"],
      ["front", "add"],
    ]);
    expect(types("back")).toEqual([["back", "remove"]]);
  });

  it("refuses a telemetry backend that belongs to another node", async () => {
    const backend = await startTelemetry({
      env: {},
      node: { name: "root", role: "root", version: "1.2.3", parents: [] },
      onProblem: () => {},
    });
    await start({ machine: createDoor(), telemetry: backend });
    await expect(start({ machine: createDoor(), telemetry: backend })).rejects.toThrow(
      new TypeError(
        `Cannot start "root": its telemetry backend belongs to another node, and would mix their metrics`,
      ),
    );
    await backend.shutdown();
  });

  it("serves no metrics without telemetry", async () => {
    const root = await start({ machine: createDoor() });
    expect((await request(root, "/metrics")).status).toBe(404);
  });

  it("hands log records to `log`, up to the level", async () => {
    const records: LogRecord[] = [];
    const log = (record: LogRecord) => void records.push(record);
    await (await start({ machine: createDoor(), log })).close();
    expect(records.map(({ message }) => message)).toEqual([
      "node started",
      "node stops",
      "node stopped",
    ]);
    records.length = 0;
    await start({ machine: createDoor(), log, logLevel: "warn" });
    expect(records).toEqual([]);
  });

  it("hands the transitions of a root's machine to `log` as lines, at level debug", async () => {
    const records: LogRecord[] = [];
    const machine = createDoor();
    const log = (record: LogRecord) => void records.push(record);
    const root = await start({ machine, log, logLevel: "debug" });
    machine.add("Open");
    await root.close();
    machine.remove("Open");
    const messages = records.filter(({ level }) => level === "debug").map(({ message }) => message);
    expect(messages.filter((message) => message.includes("Open"))).toEqual([
      "[add] Open",
      "[state] +Open",
    ]);
    expect(messages).not.toContain("transition executed");
  });

  it("goes on if `log` throws, and throws its error later", async () => {
    const thrown: unknown[] = [];
    vi.spyOn(globalThis, "queueMicrotask").mockImplementation((run) => {
      void Promise.resolve()
        .then(run)
        .catch((error) => thrown.push(error));
    });
    const error = new Error("made up");
    const root = await start({
      machine: createDoor(),
      log() {
        throw error;
      },
    });
    expect((await request(root, "/states")).status).toBe(200);
    await root.close();
    expect(thrown).toEqual([error, error, error]);
  });

  it("does not read the environment", async () => {
    vi.stubEnv("TST_NAME", "from-the-environment");
    expect((await start({ machine: createDoor() })).name).toBe("root");
  });

  it("gives a machine one node at a time, and leaves it alive", async () => {
    const door = createDoor();
    const tracers = door.tracers.length;
    const root = await start({ machine: door, name: "first" });
    await expect(start({ machine: door, name: "second" })).rejects.toThrow(
      new TypeError(
        `Cannot start "second": machine "door" already has a node, "first"; other nodes follow that one`,
      ),
    );
    await root.close();
    expect(door.isDisposed).toBe(false);
    expect(door.tracers).toHaveLength(tracers);
    const again = await start({
      machine: door.withArgs<{ Open: { by: string } }>(),
      name: "second",
    });
    door.add("Open");
    expect(await readJson(again, "/states")).toMatchObject({ states: ["Open"] });
  });

  it("leaves the machine free if it cannot listen", async () => {
    const [door, other] = [createDoor(), await start({ machine: createDoor("other") })];
    const taken = start({ machine: door, httpAddr: other.httpAddr });
    await expect(taken).rejects.toThrow(ConfigError);
    await expect(taken).rejects.toThrow(
      `Cannot start root: Cannot listen on ${other.httpAddr}: the port is taken by another program; set another with httpAddr`,
    );
    expect((await start({ machine: door })).machineId).toBe("door");
  });

  it("closes what it has opened when it stops, and when it cannot start", async () => {
    let open = 0;
    const startNode = createStartNode({
      ...runtime,
      environment: () => ({}),
      createHttp2Transport() {
        open++;
        const { fetch, close } = runtime.createHttp2Transport();
        return { fetch, close: () => close().then(() => void open--) };
      },
    });
    const root = await startNode({ ...PORTS, machine: createDoor() });
    expect(open).toBe(1);
    const taken = startNode({ ...PORTS, machine: createDoor(), addr: root.addr });
    await expect(taken).rejects.toThrow(/set another with addr$/);
    expect(open).toBe(1);
    await root.close();
    expect(open).toBe(0);
  });

  it("refuses a disposed machine", async () => {
    const door = createDoor();
    await door.dispose();
    await expect(start({ machine: door })).rejects.toThrow(
      new TypeError(`Cannot start "root": its machine "door" is disposed`),
    );
  });

  it("closes once, also by `await using`", async () => {
    let addr = "";
    {
      await using root = await startNode({ ...PORTS, machine: createDoor() });
      addr = `${root.httpAddr}`;
      expect((await fetch(`http://${addr}/healthz`)).status).toBe(200);
      expect(root.close()).toBe(root.close());
    }
    await expect(fetch(`http://${addr}/healthz`)).rejects.toThrow();
  });
});
