import { beforeEach, describe, expect, it } from "vitest";
import { mutate, request, untilFollows, useTestNodes } from "../testing/test_node.ts";
import type { LogRecord } from "./log.ts";
import type { TreeNode } from "./node.ts";

const STATES = "Flight2*,Exception";

describe("A node with TST_STATES", () => {
  const nodes = useTestNodes();
  let records: LogRecord[] = [];
  let onRecord = () => {};

  beforeEach(() => {
    records = [];
    onRecord = () => {};
  });

  const start = (name: string, upstreams: readonly TreeNode[], env: Record<string, string> = {}) =>
    nodes.startBelow(
      upstreams,
      name,
      { TST_PUSH_INTERVAL_MS: "0", TST_HEARTBEAT_INTERVAL_MS: "200", ...env },
      {
        onLog(record) {
          records.push(record);
          onRecord();
        },
      },
    );

  const json = async (node: TreeNode, path: string) =>
    (await (await request(node, path)).json()) as Record<string, unknown>;
  const add = async (node: TreeNode, ...states: string[]) =>
    (await (await mutate(node, { type: "add", states })).json()) as {
      result: string;
      version: string;
      detail?: string;
    };

  it("follows only these states, and still forwards any mutation and shows any version", async () => {
    const root = await start("root", []);
    const relay = await start("relay", [root], { TST_ROLE: "relay" });
    const leaf = await start("leaf", [relay], { TST_STATES: STATES });
    await untilFollows(leaf, root);
    expect(leaf.clock.names).toEqual([
      "Exception",
      ...root.clock.names.filter((name) => name.startsWith("Flight2")),
    ]);

    // Activates the auto states of all flights.
    await add(root, "Start");
    const outside = await add(leaf, "Flight1Delayed");
    expect(outside.result).toBe("executed");
    const unchanged = await request(leaf, `/states?min-version=${outside.version}`);
    expect(unchanged.status).toBe(200);
    expect(unchanged.headers.get("machine-selection")).toBe("Exception,Flight2*");
    expect(await unchanged.json()).toMatchObject({
      version: outside.version,
      states: activeAt(root, "Flight2"),
    });

    const inside = await add(leaf, "Flight2Delayed", "Ready");
    const states = await json(leaf, `/states?min-version=${inside.version}`);
    expect(states).toMatchObject({ version: root.clock.version });
    expect(states.states).toEqual(activeAt(root, "Flight2"));
    expect(states.states).toContain("Flight2Delayed");
    expect((await add(leaf, "Flight2Delayd")).detail).toMatch(/Flight2Delayed/);
    expect((await add(leaf, "Flight1Delayd")).detail).toMatch(/Flight1Delayed/);

    expect(await json(leaf, "/topology")).toMatchObject({
      node: { selection: ["Exception", "Flight2*"], level: 2 },
      upstream: { status: "live", resyncs: 0 },
    });
    expect(await json(relay, "/topology")).toMatchObject({
      node: { selection: null },
      downstreams: [{ name: "leaf", selection: ["Exception", "Flight2*"], lagSeq: 0 }],
    });
  });

  it("serves parts of its selection, and refuses a subscriber that requests more, which moves to its next upstream", async () => {
    const root = await start("root", []);
    const relay = await start("relay", [root], { TST_ROLE: "relay", TST_STATES: STATES });
    const part = await start("part", [relay], { TST_STATES: "Flight2Gate*" });
    const whole = await start("whole", [relay, root]);
    await untilFollows(part, root);
    await untilFollows(whole, root);
    expect(part.clock.names).toHaveLength(6);
    expect(whole.clock.names).toEqual(root.clock.names);
    expect(records).toContainEqual(
      expect.objectContaining({
        message: "link lost",
        fields: expect.objectContaining({
          code: "failed_precondition",
          reason: 'Cannot serve every state: this node holds only "Exception,Flight2*"',
        }),
      }),
    );
    const { version } = await add(part, "Flight2Gate3", "Flight1Delayed");
    expect(await json(part, `/states?min-version=${version}`)).toMatchObject({
      version,
      states: activeAt(root, "Flight2Gate"),
    });
  });

  it("logs which of its states do not exist", async () => {
    const root = await start("root", []);
    const told = new Promise<LogRecord>((resolve) => {
      onRecord = () => {
        const record = records.find(({ message }) => message === "link lost");
        if (record !== undefined) resolve(record);
      };
    });
    const leaf = await start("leaf", [root], { TST_STATES: "Flight2Delayd" });
    expect((await told).fields).toMatchObject({
      reason: expect.stringMatching(
        /Cannot select "Flight2Delayd" \(the nearest known: Flight2Delayed, /,
      ),
    });
    expect((await request(leaf, "/readyz")).status).toBe(503);
  });
});

function activeAt(node: TreeNode, prefix: string): string[] {
  return node.clock.activeStates().filter((name) => name.startsWith(prefix));
}
