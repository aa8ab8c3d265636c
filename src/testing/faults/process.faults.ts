/** Faults of processes in a tree: root → rep-1 and rep-2 → leaves that have both as upstreams, under constant mutations. */

import { beforeEach, describe, expect, it } from "vitest";
import type { NodeProcess } from "./node_process.ts";
import { shareTree } from "./shared_tree.ts";
import { allow, until } from "./until.ts";

const HEARTBEAT_MS = 200;
/** A link is lost after three silent intervals. */
const SILENCE_MS = 3 * HEARTBEAT_MS;
/** Longest first step of the backoff. */
const BACKOFF_MS = 100;
/** Longest wait before the next attempt to reach the preferred upstream. */
const PREFERRED_RETRY_MS = 30_000;
/** Time for processes to do what should take no time. */
const SLACK_MS = 400;

/** Lines about a new status of the link. */
const STATUS = /^link (connecting|syncing|live|stale)/;

const LEAVES = ["leaf", "other"];
const tree = shareTree({
  variables: {
    TST_HEARTBEAT_INTERVAL_MS: `${HEARTBEAT_MS}`,
    TST_STALE_AFTER_MS: "1500",
    TST_PUSH_INTERVAL_MS: "5",
  },
  loadThrough: LEAVES,
  async start(tree) {
    await tree.start("root");
    await tree.start("rep-1", { role: "relay", upstreams: ["root"] });
    await tree.start("rep-2", { role: "relay", upstreams: ["root"] });
    await tree.start("leaf", { upstreams: ["rep-1", "rep-2"] });
    await tree.start("other", { upstreams: ["rep-2", "rep-1"] });
    await tree.watch(LEAVES);
  },
});
let leaf: NodeProcess;

beforeEach(() => {
  // A new process if a test ended the last one.
  leaf = tree.node("leaf");
});

/** Sends a mutation through one leaf and reads it at all nodes. */
async function readWrites(): Promise<void> {
  const version = await tree.mutate("leaf");
  for (const name of tree.names) {
    const read = await tree.node(name).get(`/states?min-version=${version}&wait=5000`);
    expect([name, read.status]).toEqual([name, 200]);
  }
}

describe("A relay", () => {
  it("that is killed is replaced by the next upstream, with a diff; leaves return to it without a break once it is back", async () => {
    const from = leaf.log.length;
    const spare = tree.link("leaf", "rep-2");
    const killed = tree.node("rep-1").kill();
    const live = await leaf.untilLogged(/^link live/, from);
    await killed;
    const lost = leaf.logged(/^link lost/, from)[0]!;
    expect(live.writtenAtMs - lost.writtenAtMs).toBeLessThan(BACKOFF_MS + allow(SLACK_MS));
    expect(live.text).toContain(spare.address);
    expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);

    const back = leaf.log.length;
    await tree.start("rep-1");
    const moved = await leaf.untilLogged(/^link moved .*preferred/, back, {
      withinMs: PREFERRED_RETRY_MS + 10_000,
    });
    expect(moved.text).toContain(tree.link("leaf", "rep-1").address);
    // Live before and after: the old stream was closed once the new one had begun.
    const at = leaf.log.indexOf(moved);
    expect(leaf.log.slice(0, at).findLast(({ text }) => STATUS.test(text))?.text).toMatch(/live/);
    expect(leaf.logged(/^(snapshot applied|resync)/, back)).toEqual([]);
    await readWrites();
    expect(leaf.log.slice(at + 1).find(({ text }) => STATUS.test(text))).toBe(undefined);
  });

  it("that is paused is abandoned after three heartbeats, and serves again once it continues", async () => {
    const from = leaf.log.length;
    const relay = tree.node(await tree.upstreamOf("leaf"));
    const relayFrom = relay.log.length;
    const stoppedAtMs = performance.now();
    relay.suspend();
    const lost = await leaf.untilLogged(/^link lost/, from);
    expect(lost.text).toContain(`was silent for ${SILENCE_MS} ms`);
    expect(lost.atMs - stoppedAtMs).toBeLessThan(SILENCE_MS + allow(SLACK_MS));
    const live = await leaf.untilLogged(/^link live/, from);
    expect(await tree.upstreamOf("leaf")).not.toBe(relay.name);
    expect(live.writtenAtMs - lost.writtenAtMs).toBeLessThan(BACKOFF_MS + allow(SLACK_MS));
    expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);

    const version = await tree.mutate("leaf");
    relay.resume();
    const healed = await relay.get(`/states?min-version=${version}&wait=5000`);
    expect(healed.status).toBe(200);
    expect(relay.logged(/^(snapshot applied|resync)/, relayFrom)).toEqual([]);
    await readWrites();
  });
});

describe("A relay that is cut off from the root", () => {
  it("is replaced by a fresh upstream without a break, and is ready again once it heals", async () => {
    const from = leaf.log.length;
    const relay = await tree.upstreamOf("leaf");
    tree.link(relay, "root").blackHole();
    await until(`${relay} unready`, async () => {
      return (await tree.node(relay).get("/readyz")).status === 503;
    });
    await leaf.untilLogged(/^link moved .*stale/, from);
    expect(await tree.upstreamOf("leaf")).not.toBe(relay);
    expect(leaf.logged(/^(link lost|link stale|snapshot applied|resync)/, from)).toEqual([]);
    await tree.untilReady("leaf");
    await tree.mutate("leaf");
    tree.heal();
    await tree.untilReady(relay);
    await readWrites();
  });
});

describe("A leaf", () => {
  it("that is paused for a while catches up, and no other node waits for it", async () => {
    const from = leaf.log.length;
    leaf.suspend();
    tree.loadThrough(["other"]);
    const version = await tree.mutate("other");
    const read = await tree.node("other").get(`/states?min-version=${version}`);
    expect(read.status).toBe(200);
    const { responses } = tree.load.counts;
    await until("fifty mutations more", () => tree.load.counts.responses >= responses + 50);
    leaf.resume();
    const healed = await leaf.get(`/states?min-version=${version}&wait=5000`);
    expect(healed.status).toBe(200);
    expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);
    tree.loadThrough(LEAVES);
    await readWrites();
  });

  it("that is killed takes one snapshot after its restart", async () => {
    const watch = tree.watchOf("leaf");
    tree.loadThrough(["other"]);
    watch.goes();
    await leaf.kill();
    leaf = await tree.start("leaf");
    await tree.untilReady("leaf");
    watch.returned();
    expect(leaf.logged(/^snapshot applied/)).toHaveLength(1);
    tree.loadThrough(LEAVES);
    await readWrites();
  });
});

describe("The root", () => {
  it("that is killed leaves all nodes serving their clock; after its restart it has another epoch, which no node leaves again", async () => {
    const lives = tree.record.lives.length;
    const responses = LEAVES.map((name) => tree.watchOf(name).counts.responses);
    await tree.node("root").kill();
    await until("the leaves unready", async () => {
      const ready = await Promise.all(LEAVES.map((name) => tree.node(name).get("/readyz")));
      return ready.every(({ status }) => status === 503);
    });
    for (const [i, name] of LEAVES.entries())
      expect(tree.watchOf(name).counts.responses).toBeGreaterThan(responses[i]!);
    await tree.start("root");
    await Promise.all(LEAVES.map((name) => tree.untilReady(name)));
    await readWrites();
    expect(tree.record.lives.length).toBe(lives + 1);
    for (const name of tree.names) {
      const { version } = (await tree.node(name).get("/states")).json<{ version: string }>();
      expect(version.split("-")[0]).toBe(tree.record.lives.at(-1));
    }
  });

  it("that is paused makes the leaves unready until it continues", async () => {
    const root = tree.node("root");
    root.suspend();
    await until("the leaves unready", async () => {
      const ready = await Promise.all(LEAVES.map((name) => tree.node(name).get("/readyz")));
      return ready.every(({ status }) => status === 503);
    });
    root.resume();
    await Promise.all(LEAVES.map((name) => tree.untilReady(name)));
    await readWrites();
  });
});
