/** How nodes stop on request: they finish what is in flight, and abandon in time what cannot finish. */

import { describe, expect, it } from "vitest";
import type { HttpResponse } from "./http_request.ts";
import type { NodeProcess } from "./node_process.ts";
import { shareTree } from "./shared_tree.ts";
import type { TcpProxy } from "./tcp_proxy.ts";
import { allow, until } from "./until.ts";

/** Longest stop of a node, in milliseconds. */
const STOP_MS = 5_000;
/** Long enough to request a stop meanwhile, and well within the time to finish what is in flight. */
const ON_ITS_WAY_MS = 700;
/** Size of a mutation, by which it differs from everything else that is sent towards the root. */
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

/** Sends a mutation, and resolves while it is in flight on this link, before the root has it. */
async function mutateSlowly(
  node: NodeProcess,
  link: TcpProxy,
): Promise<{ readonly response: Promise<HttpResponse> }> {
  await tree.untilEqual(["leaf", "other"]);
  link.shape({ delayMs: ON_ITS_WAY_MS }, ["to_server"]);
  const response = node.get("/mutations", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      type: "toggle",
      states: ["Flight1Delayed"],
      args: { note: "x".repeat(MUTATION_BYTES) },
    }),
  });
  await until("the mutation in flight", () => link.waiting.to_server >= MUTATION_BYTES, {
    everyMs: 1,
  });
  return { response };
}

async function expectToEnd(node: NodeProcess): Promise<void> {
  const { code, signal, tookMs } = await node.stop();
  expect([node.name, code, signal]).toEqual([node.name, 0, null]);
  expect(tookMs).toBeLessThan(allow(STOP_MS));
}

describe("A node that is asked to stop", () => {
  it("responds, as a leaf, to the mutation that it has forwarded", async () => {
    tree.watchOf("leaf").goes();
    const leaf = tree.node("leaf");
    const { response } = await mutateSlowly(leaf, tree.link("leaf", await tree.upstreamOf("leaf")));
    const [{ status, body }] = await Promise.all([response, expectToEnd(leaf)]);
    expect([status, body]).toEqual([200, expect.stringContaining('"result":"executed"')]);
  });

  it("responds, as a relay, to the mutation that it has forwarded", async () => {
    const relay = await tree.upstreamOf("leaf");
    const { response } = await mutateSlowly(tree.node("leaf"), tree.link(relay, "root"));
    const [{ status, body }] = await Promise.all([response, expectToEnd(tree.node(relay))]);
    expect([status, body]).toEqual([200, expect.stringContaining('"result":"executed"')]);
  });

  it("waits for a paused downstream only as long as allowed", async () => {
    const leaf = tree.node("leaf");
    const relay = await tree.upstreamOf("leaf");
    leaf.suspend();
    await expectToEnd(tree.node(relay));
    leaf.resume();
    await tree.untilReady("leaf");
  });

  it("makes downstreams move without a break", async () => {
    const leaf = tree.node("leaf");
    const relay = await tree.upstreamOf("leaf");
    const from = leaf.log.length;
    await expectToEnd(tree.node(relay));
    await until("the move", () => leaf.logged(/^link moved .*draining/, from).length === 1);
    expect(leaf.logged(/^(link lost|link stale|snapshot applied|resync)/, from)).toEqual([]);
    const version = await tree.mutate("leaf");
    expect((await leaf.get(`/states?min-version=${version}`)).status).toBe(200);
  });

  it("ends event streams cleanly, and responds to requests that wait for versions that never come", async () => {
    const leaf = tree.node("leaf");
    tree.watchOf("leaf").goes();
    const [epoch, seq] = (await tree.mutate("leaf")).split("-");
    const waiting = leaf.get(`/states?min-version=${epoch}-${Number(seq) + 1_000}&wait=30000`);
    // Connections are accepted in order: once this one has a response, the other one is waiting.
    const stream = await fetch(`${leaf.url}/states/stream`);
    const [events, response] = await Promise.all([stream.text(), waiting, expectToEnd(leaf)]);
    expect(events).toMatch(/^event: snapshot$/m);
    expect([response.status, response.headers["content-type"]]).toEqual([
      503,
      "application/problem+json",
    ]);
  });
});
