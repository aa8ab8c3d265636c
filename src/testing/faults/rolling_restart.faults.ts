/** Restarts all nine nodes of a tree one by one, while clients read from all leaves and send mutations through all of them. */

import { describe, expect, it } from "vitest";
import { shareTree } from "./shared_tree.ts";
import { allow } from "./until.ts";

/** Longest stop of a node, in milliseconds. */
const STOP_MS = 5_000;
const RELAYS = ["rep-1", "rep-2"];
const LEAVES = ["rep-1-1", "rep-1-2", "rep-1-3", "rep-2-1", "rep-2-2", "rep-2-3"];

const tree = shareTree({
  variables: { TST_HEARTBEAT_INTERVAL_MS: "200", TST_PUSH_INTERVAL_MS: "5" },
  loadThrough: LEAVES,
  async start(tree) {
    await tree.start("root");
    await Promise.all([
      tree.start("rep-1", { role: "relay", upstreams: ["root", "rep-2"] }),
      tree.start("rep-2", { role: "relay", upstreams: ["root", "rep-1"] }),
    ]);
    await Promise.all(
      LEAVES.map((name) => {
        const [first, second] = name.startsWith("rep-1") ? RELAYS : RELAYS.toReversed();
        return tree.start(name, { upstreams: [first!, second!] });
      }),
    );
    await tree.watch(LEAVES);
  },
});

async function restart(name: string): Promise<number> {
  const isLeaf = LEAVES.includes(name);
  if (isLeaf) tree.watchOf(name).goes();
  const exit = await tree.node(name).stop();
  expect([name, exit.code, exit.signal]).toEqual([name, 0, null]);
  await tree.start(name);
  await tree.untilReady(name);
  if (isLeaf) tree.watchOf(name).returned();
  return exit.tookMs;
}

describe("A rolling restart", () => {
  it("of all nine nodes fails no read, loses no effect of a mutation, and ends each node in time", async () => {
    const tookMs: Record<string, number> = {};
    for (const name of [...RELAYS, ...LEAVES, "root"]) {
      const { responses } = tree.load.counts;
      tookMs[name] = Math.round(await restart(name));
      // The load gets responses again before the next node stops.
      await tree.mutate();
      expect(tree.load.counts.responses).toBeGreaterThan(responses);
    }
    console.log(tookMs);
    for (const name of Object.keys(tookMs)) expect(tookMs[name]).toBeLessThan(allow(STOP_MS));
    expect(tree.record.lives).toHaveLength(2);
    for (const name of LEAVES) {
      const { responses, unknown } = tree.watchOf(name).counts;
      expect(unknown).toBeLessThan(responses / 10);
    }
  });
});
