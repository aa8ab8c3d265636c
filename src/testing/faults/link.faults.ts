/** Faults of a link between processes: root → rep-1 → two leaves; the link of one leaf is broken. */

import { describe, expect, it } from "vitest";
import type { NodeProcess } from "./node_process.ts";
import { shareTree } from "./shared_tree.ts";
import { listenInVain } from "./silent_listener.ts";
import type { TcpProxy } from "./tcp_proxy.ts";
import { allow, until } from "./until.ts";

const HEARTBEAT_MS = 200;
/** A link is lost after three silent intervals. */
const SILENCE_MS = 3 * HEARTBEAT_MS;
const STALE_AFTER_MS = 1_000;
/** Longest first step of the backoff. */
const BACKOFF_MS = 100;
/** Time for processes to do what should take no time. */
const SLACK_MS = 400;

let leaf: NodeProcess;
let link: TcpProxy;

const tree = shareTree({
  variables: {
    TST_HEARTBEAT_INTERVAL_MS: `${HEARTBEAT_MS}`,
    TST_STALE_AFTER_MS: `${STALE_AFTER_MS}`,
    TST_PUSH_INTERVAL_MS: "5",
  },
  loadThrough: ["leaf", "other"],
  async start(tree) {
    await tree.start("root");
    await tree.start("rep-1", { role: "relay", upstreams: ["root"] });
    leaf = await tree.start("leaf", { upstreams: ["rep-1"] });
    await tree.start("other", { upstreams: ["rep-1"] });
    link = tree.link("leaf", "rep-1");
    await tree.watch(["rep-1", "leaf", "other"]);
  },
});

const statusOfReady = async (node: NodeProcess) => (await node.get("/readyz")).status;

describe("A link between processes", () => {
  it("that is cut heals at the first attempt, within one step of the backoff, and resumes with a diff", async () => {
    const cuts = [
      { name: "leaf", upstream: "rep-1", how: "rst" },
      { name: "other", upstream: "rep-1", how: "fin" },
      { name: "rep-1", upstream: "root", how: "rst" },
    ] as const;
    const healedInMs = await Promise.all(
      cuts.map(async ({ name, upstream, how }) => {
        const node = tree.node(name);
        const proxy = tree.link(name, upstream);
        const [from, attempts] = [node.log.length, proxy.attempts];
        proxy.cut(how);
        const lost = await node.untilLogged(/^link lost/, from);
        const live = await node.untilLogged(/^link live/, from);
        expect(proxy.attempts - attempts).toBe(1);
        expect(node.logged(/^(snapshot applied|resync)/, from)).toEqual([]);
        return live.writtenAtMs - lost.writtenAtMs;
      }),
    );
    const median = healedInMs.toSorted((a, b) => a - b)[1]!;
    expect(median).toBeLessThan(BACKOFF_MS + allow(SLACK_MS));
    // Each node forwards mutations through its new link.
    await Promise.all([tree.mutate("leaf"), tree.mutate("other"), tree.mutate("rep-1")]);
  });

  it.each([
    { ways: "towards the leaf", directions: ["to_client"] },
    { ways: "both ways", directions: ["to_client", "to_server"] },
  ] as const)(
    "that is a black hole $ways is noticed after three heartbeats; the leaf says 503 at /readyz, and 200 once it heals",
    async ({ directions }) => {
      const from = leaf.log.length;
      const heldAtMs = performance.now();
      link.blackHole(directions);
      const lost = await leaf.untilLogged(/^link lost/, from);
      expect(lost.text).toContain(`was silent for ${SILENCE_MS} ms`);
      expect(lost.atMs - heldAtMs).toBeLessThan(SILENCE_MS + allow(SLACK_MS));
      await until("the leaf unready", async () => (await statusOfReady(leaf)) === 503);
      expect(performance.now() - heldAtMs).toBeLessThan(STALE_AFTER_MS + allow(SLACK_MS));
      expect(await statusOfReady(tree.node("other"))).toBe(200);

      // A mutation through this leaf is not accepted; mutations through others take effect.
      const refused = await leaf.get("/mutations", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ type: "add", states: ["Start"] }),
      });
      expect(refused.status).toBe(503);
      const version = await tree.mutate("other");
      const behind = await leaf.get(`/states?min-version=${version}&wait=50`);
      expect(behind.status).toBe(504);

      const healedAtMs = performance.now();
      link.heal();
      await tree.untilReady("leaf");
      await tree.untilEqual(["leaf"]);
      // The longest backoff between two attempts, and the longest failing attempt.
      expect(performance.now() - healedAtMs).toBeLessThan(2_000 + 2_000 + allow(SLACK_MS));
      expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);
    },
  );

  it("that delivers nothing towards the root is abandoned after a mutation on it timed out, and the mutation takes effect once", async () => {
    const from = leaf.log.length;
    link.blackHole(["to_server"]);
    const { tries, responses } = tree.load.counts;
    const sent = tree.mutate("leaf");
    // The first attempt times out after three seconds; then the connection does not respond to a ping.
    const lost = await leaf.untilLogged(/^link lost/, from);
    expect(lost.text).toMatch(/code=unavailable/);
    link.heal();
    await sent;
    const { counts } = tree.load;
    expect(counts.tries - tries).toBeGreaterThan(counts.responses - responses);
    await tree.untilReady("leaf");
  });

  it("whose connection died silently is replaced by a new one", async () => {
    const [from, attempts] = [leaf.log.length, link.attempts];
    link.strand();
    const version = await tree.mutate("other");
    await leaf.untilLogged(/^link lost .*silent/, from);
    expect((await leaf.get(`/states?min-version=${version}&wait=5000`)).status).toBe(200);
    expect(link.attempts).toBeGreaterThan(attempts);
    expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);
    await tree.mutate("leaf");
  });

  it("that refuses connections is retried until it accepts them", async () => {
    const [from, attempts] = [leaf.log.length, link.attempts];
    link.refuse();
    link.cut("rst");
    await until("three tries", () => link.attempts - attempts >= 3);
    await until("the leaf unready", async () => (await statusOfReady(leaf)) === 503);
    const version = await tree.mutate("other");
    link.heal();
    await tree.untilReady("leaf");
    expect((await leaf.get(`/states?min-version=${version}&wait=5000`)).status).toBe(200);
    expect(leaf.logged(/^(snapshot applied|resync)/, from)).toEqual([]);
  });

  it("that takes 200 ms each way stays live, and each node reads its own writes", async () => {
    const from = leaf.log.length;
    link.shape({ delayMs: 200, jitterMs: 50 });
    for (let i = 0; i < 4; i++) {
      const version = await tree.mutate("leaf");
      for (const name of ["leaf", "other", "rep-1", "root"]) {
        const read = await tree.node(name).get(`/states?min-version=${version}`);
        expect(read.status).toBe(200);
      }
    }
    expect(await statusOfReady(leaf)).toBe(200);
    expect(leaf.logged(/^link lost/, from)).toEqual([]);
    link.heal();
    await tree.untilEqual(["leaf"]);
  });
});

describe("An upstream that accepts no connection", () => {
  it("does not keep a leaf from its next upstream", async () => {
    const vain = await listenInVain();
    const held = await tree.start("held", {
      upstreams: ["rep-1"],
      variables: { TST_PARENT_ADDR: `127.0.0.1:${vain.port},127.0.0.1:${tree.node("rep-1").port}` },
    });
    try {
      const startedAtMs = performance.now();
      await tree.untilReady("held");
      // A connection may take two seconds.
      expect(performance.now() - startedAtMs).toBeLessThan(2_000 + BACKOFF_MS + allow(SLACK_MS));
      expect(held.logged(/^link lost .*127\.0\.0\.1/)[0]!.text).toMatch(
        /silent for 2000 ms|no connection/,
      );
      const version = await tree.mutate("leaf");
      expect((await held.get(`/states?min-version=${version}`)).status).toBe(200);
    } finally {
      await tree.remove("held");
      await vain.close();
    }
  });
});
