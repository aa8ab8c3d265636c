import { afterEach, describe, expect, it, vi } from "vitest";
import { createHttp2Transport, listenHttp, listenHttp2 } from "../runtime/node.ts";
import { formatAddress } from "./address.ts";
import { ConfigError, parseConfig } from "./config.ts";
import { createLogger, type LogRecord } from "./log.ts";
import { startNode, type TreeNode } from "./node.ts";

const ANY_PORT = { TST_ADDR: "127.0.0.1:0", TST_HTTP_ADDR: "127.0.0.1:0", TST_FEED: "none" };

describe("startNode()", () => {
  const nodes: TreeNode[] = [];
  const transports: { close(): Promise<void> }[] = [];
  let records: LogRecord[] = [];
  /** Is called before each request that a node makes. */
  let beforeRequest: (request: Request) => Promise<void> = async () => {};

  afterEach(async () => {
    await Promise.all(nodes.splice(0).map((node) => node.close()));
    await Promise.all(transports.splice(0).map((transport) => transport.close()));
    records = [];
    beforeRequest = async () => {};
  });

  async function start(env: Record<string, string>): Promise<TreeNode> {
    const transport = createHttp2Transport();
    transports.push(transport);
    const log = createLogger("info", Date.now, (record) => records.push(record));
    const node = await startNode(parseConfig({ ...ANY_PORT, ...env }), {
      listenHttp,
      listenHttp2,
      transport: async (request) => {
        await beforeRequest(request);
        return await transport.fetch(request);
      },
      log,
    });
    nodes.push(node);
    return node;
  }

  const startRoot = (env: Record<string, string> = {}) => start(env);
  const startBelow = (upstream: TreeNode, name: string, role = "leaf") =>
    start({
      TST_NAME: name,
      TST_ROLE: role,
      TST_PARENT_ADDR: formatAddress(upstream.addr),
      TST_PUSH_INTERVAL_MS: "5",
    });

  const get = (node: TreeNode, path: string, init?: RequestInit) =>
    fetch(`http://${formatAddress(node.httpAddr)}${path}`, init);
  const mutate = (node: TreeNode, body: unknown) =>
    get(node, "/mutations", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  it("shows on a leaf, two hops away, what a mutation on another leaf did at the root", async () => {
    const root = await startRoot();
    const relay = await startBelow(root, "rep-1", "relay");
    const [one, two] = [await startBelow(relay, "rep-1-1"), await startBelow(relay, "rep-1-2")];
    await untilEpoch(one, root.clock.epoch);

    const answer = await mutate(one, { type: "add", states: ["Flight1Delayed"] });
    const { result, version } = (await answer.json()) as { result: string; version: string };
    expect(result).toBe("executed");
    expect(root.machine?.is("Flight1Delayed")).toBe(true);

    for (const leaf of [one, two]) {
      const states = await get(leaf, `/states?min-version=${version}&wait=5000`);
      expect(states.status).toBe(200);
      expect(Number(states.headers.get("machine-age-ms"))).toBeLessThan(5_000);
      expect(await states.json()).toMatchObject({
        version: root.clock.version,
        states: expect.arrayContaining(["Flight1Delayed"]),
      });
    }
    const { node, upstream } = (await (await get(one, "/topology")).json()) as {
      node: object;
      upstream: object;
    };
    expect(node).toMatchObject({ name: "rep-1-1", role: "leaf", level: 2 });
    expect(upstream).toMatchObject({ address: formatAddress(relay.addr), status: "live" });
    const { downstreams } = (await (await get(relay, "/topology")).json()) as {
      downstreams: { name: string }[];
    };
    expect(downstreams.map(({ name }) => name).sort()).toEqual(["rep-1-1", "rep-1-2"]);
  });

  it("changes nothing for a mutation that is wrong, and says what is", async () => {
    const root = await startRoot();
    const leaf = await startBelow(root, "leaf");
    await untilEpoch(leaf, root.clock.epoch);
    const cases: [body: unknown, status: number, detail: RegExp][] = [
      [{ type: "add", states: ["Flight1Delayd"] }, 422, /Flight1Delayd.*Flight1Delayed/],
      [{ type: "ad", states: ["Flight1Delayed"] }, 422, /type/],
      ["{", 400, /JSON/],
      [`"${"x".repeat(2_000_000)}"`, 413, /./],
    ];
    for (const [body, status, detail] of cases) {
      const answer = await mutate(leaf, body);
      expect(answer.status).toBe(status);
      expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      expect(await answer.text()).toMatch(detail);
    }
    expect(root.clock.seq).toBe(0);
  });

  it("converges on the new epoch of a root that came back, at the same address", async () => {
    const root = await startRoot();
    const relay = await startBelow(root, "rep-1", "relay");
    const leaf = await startBelow(relay, "rep-1-1");
    await untilEpoch(leaf, root.clock.epoch);
    nodes.splice(nodes.indexOf(root), 1);
    await root.close();
    expect((await get(leaf, "/states")).status).toBe(200);
    const again = await startRoot({ TST_ADDR: formatAddress(root.addr) });
    expect(again.clock.epoch).not.toBe(root.clock.epoch);
    await untilEpoch(leaf, again.clock.epoch);
    expect((await mutate(leaf, { type: "add", states: ["Start"] })).status).toBe(200);
    expect(again.machine?.is("Start")).toBe(true);
  });

  it("says 503 before its first clock, and when its clock is older than the limit", async () => {
    const lonely = await start({
      TST_NAME: "lonely",
      TST_PARENT_ADDR: "127.0.0.1:1",
      TST_STALE_AFTER_MS: "1",
    });
    expect((await get(lonely, "/states?wait=0")).status).toBe(503);
    expect((await get(lonely, "/readyz")).status).toBe(503);
    expect((await get(lonely, "/healthz")).status).toBe(200);
    expect((await mutate(lonely, { type: "add", states: ["Start"] })).status).toBe(503);
  });

  it("plays the day at the root", async () => {
    const root = await startRoot({ TST_FEED: "replay", TST_FEED_SPEED: "1000" });
    await new Promise<void>((resolve) =>
      root.clock.onChange(() => root.clock.seq >= 20 && resolve()),
    );
    expect(root.machine?.is("Ready")).toBe(true);
    expect(records.find(({ message }) => message === "feed mutation canceled")).toBeUndefined();
  });

  it("finishes what is under way when it stops, and sends its downstreams elsewhere before", async () => {
    const root = await startRoot();
    const relays = [
      await startBelow(root, "rep-1", "relay"),
      await startBelow(root, "rep-2", "relay"),
    ] as const;
    const leaf = await start({
      TST_NAME: "rep-1-1",
      TST_PARENT_ADDR: relays.map(({ addr }) => formatAddress(addr)).join(","),
    });
    await untilEpoch(leaf, root.clock.epoch);
    const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    beforeRequest = async ({ url }) => {
      if (!url.includes(`${root.addr.port}/`) || !url.endsWith("/Mutate")) return;
      entered.resolve();
      await release.promise;
    };
    records = [];
    const answer = mutate(leaf, { type: "add", states: ["Flight1Delayed"] });
    await entered.promise;
    let isStopped = false;
    const stopped = relays[0].close().then(() => {
      isStopped = true;
    });
    await expect.poll(() => records.map(({ message }) => message)).toContain("link moved");
    expect(isStopped).toBe(false);
    release.resolve();
    expect(await (await answer).json()).toMatchObject({ result: "executed" });
    await stopped;
    expect(records.map(({ message }) => message)).not.toContain("link lost");
    expect(await (await get(leaf, "/topology")).json()).toMatchObject({
      upstream: { address: formatAddress(relays[1].addr), status: "live", resyncs: 0 },
    });
  });

  it("answers those who wait in vain when its time to drain is over", async () => {
    const root = await startRoot({ TST_DRAIN_MS: "20" });
    const version = `${root.clock.epoch}-1000`;
    const listens = vi.spyOn(root.clock, "onChange");
    const waiting = get(root, `/states?min-version=${version}&wait=30000`);
    await expect.poll(() => listens.mock.calls.length).toBe(1);
    await root.close();
    const answer = await waiting;
    expect(answer.status).toBe(503);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
  });

  it("names the setting whose port is taken", async () => {
    const root = await startRoot();
    const taken = start({ TST_ADDR: formatAddress(root.addr) });
    await expect(taken).rejects.toThrow(ConfigError);
    await expect(taken).rejects.toThrow(
      `Cannot start root: Cannot listen on ${formatAddress(root.addr)}: the port is taken by another program; set another with TST_ADDR (--addr)`,
    );
    await expect(start({ TST_HTTP_ADDR: formatAddress(root.httpAddr) })).rejects.toThrow(
      /TST_HTTP_ADDR/,
    );
  });

  it("names the feeds there are", async () => {
    await expect(start({ TST_FEED: "nope" })).rejects.toThrow(
      /Cannot use TST_FEED.*"nope".*replay, random, none/,
    );
  });
});

function untilEpoch(node: TreeNode, epoch: string): Promise<void> {
  return new Promise((resolve) => {
    if (node.clock.epoch === epoch) resolve();
    node.clock.onChange(() => node.clock.epoch === epoch && resolve());
  });
}
