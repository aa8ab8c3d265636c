/** How nodes end when they are asked to: what is under way is finished, what cannot be is given up in time. */

import { describe, expect, it } from "vitest";
import type { HttpAnswer } from "./http_request.ts";
import type { NodeProcess } from "./node_process.ts";
import { shareTree } from "./shared_tree.ts";
import type { TcpProxy } from "./tcp_proxy.ts";
import { allow, until } from "./until.ts";

/** What a node may take to end, in milliseconds. */
const STOP_MS = 5_000;
/** Long enough to ask a node to end meanwhile, and well within what it takes to finish what is under way. */
const ON_ITS_WAY_MS = 700;
/** Size of a mutation that is told apart from all else that goes towards the root. */
const MUTATION_BYTES = 500;

const tree = shareTree({
  variables: { TST_HEARTBEAT_INTERVAL_MS: "200", TST_PUSH_INTERVAL_MS: "5" },
  async start(tree) {
    await tree.start("root");
    await tree.start("rep-1", { role: "relay", upstreams: ["root"] });
    await tree.start("rep-2", { role: "relay", upstreams: ["root"] });
    await tree.start("leaf", { upstreams: ["rep-1", "rep-2"] });
    await tree.start("other", { upstreams: ["rep-1"] });
    await tree.watch(["leaf", "other"]);
    tree.loadThrough(["leaf", "other"]);
  },
});

/** Sends a mutation, and resolves while that is on its way on this link: not at the root yet. */
async function mutateSlowly(
  node: NodeProcess,
  link: TcpProxy,
): Promise<{ readonly answer: Promise<HttpAnswer> }> {
  await tree.untilEqual(["leaf", "other"]);
  link.shape({ delayMs: ON_ITS_WAY_MS }, ["to_server"]);
  const answer = node.get("/mutations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      type: "toggle",
      states: ["Flight1Delayed"],
      args: { note: "x".repeat(MUTATION_BYTES) },
    }),
  });
  await until("the mutation on its way", () => link.waiting.to_server >= MUTATION_BYTES, {
    everyMs: 1,
  });
  return { answer };
}

async function expectToEnd(node: NodeProcess): Promise<void> {
  const { code, signal, tookMs } = await node.stop();
  expect([node.name, code, signal]).toEqual([node.name, 0, null]);
  expect(tookMs).toBeLessThan(allow(STOP_MS));
}

describe("A node that is asked to end", () => {
  it("answers, as a leaf, the mutation that it has forwarded", async () => {
    tree.watchOf("leaf").goes();
    const leaf = tree.node("leaf");
    const { answer } = await mutateSlowly(leaf, tree.link("leaf", await tree.upstreamOf("leaf")));
    const [{ status, body }] = await Promise.all([answer, expectToEnd(leaf)]);
    expect([status, body]).toEqual([200, expect.stringContaining('"result":"executed"')]);
  });

  it("answers, as a relay, the mutation that it has forwarded", async () => {
    const relay = await tree.upstreamOf("leaf");
    const { answer } = await mutateSlowly(tree.node("leaf"), tree.link(relay, "root"));
    const [{ status, body }] = await Promise.all([answer, expectToEnd(tree.node(relay))]);
    expect([status, body]).toEqual([200, expect.stringContaining('"result":"executed"')]);
  });

  it("does not wait longer than it may for a downstream that stands still", async () => {
    const leaf = tree.node("leaf");
    const relay = await tree.upstreamOf("leaf");
    leaf.suspend();
    await expectToEnd(tree.node(relay));
    leaf.resume();
    await tree.untilReady("leaf");
  });

  it("sends downstreams elsewhere without a break", async () => {
    const leaf = tree.node("leaf");
    const relay = await tree.upstreamOf("leaf");
    const from = leaf.log.length;
    await expectToEnd(tree.node(relay));
    await until("the move", () => leaf.logged(/^link moved .*draining/, from).length === 1);
    expect(leaf.logged(/^(link lost|link stale|snapshot applied|resync)/, from)).toEqual([]);
    const version = await tree.mutate("leaf");
    expect((await leaf.get(`/states?min-version=${version}`)).status).toBe(200);
  });

  it("ends event streams in order, and answers those who wait for versions that do not come", async () => {
    const leaf = tree.node("leaf");
    tree.watchOf("leaf").goes();
    const [epoch, seq] = (await tree.mutate("leaf")).split("-");
    const waiting = leaf.get(`/states?min-version=${epoch}-${Number(seq) + 1_000}&wait=30000`);
    // Connections are taken in their order: once this one is answered, the other waits.
    const stream = await fetch(`${leaf.url}/states/stream`);
    const [events, answer] = await Promise.all([stream.text(), waiting, expectToEnd(leaf)]);
    expect(events).toMatch(/^event: snapshot$/m);
    expect([answer.status, answer.headers["content-type"]]).toEqual([
      503,
      "application/problem+json",
    ]);
  });
});
