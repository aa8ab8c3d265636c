import { beforeEach, describe, expect, it, vi } from "vitest";
import { mutate, request, untilClock, untilFollows, useTestNodes } from "../testing/test_node.ts";
import { formatAddress } from "./address.ts";
import { ConfigError } from "./config.ts";
import type { LogRecord } from "./log.ts";
import type { TreeNode } from "./node.ts";

describe("startNode()", () => {
  const nodes = useTestNodes();
  let records: LogRecord[] = [];
  /** Called before each request that a node sends upstream. */
  let beforeRequest: (request: Request) => Promise<void> = async () => {};

  beforeEach(() => {
    records = [];
    beforeRequest = async () => {};
  });

  const options = {
    onLog: (record: LogRecord) => void records.push(record),
    beforeRequest: (request: Request) => beforeRequest(request),
  };
  const start = (env: Record<string, string> = {}) => nodes.start(env, options);
  const startBelow = (upstream: TreeNode, name: string, role = "leaf") =>
    nodes.startBelow([upstream], name, { TST_ROLE: role }, options);

  it("shows on a leaf, two hops away, the effect of a mutation on another leaf", async () => {
    const root = await start();
    const relay = await startBelow(root, "rep-1", "relay");
    const [one, two] = [await startBelow(relay, "rep-1-1"), await startBelow(relay, "rep-1-2")];
    await untilFollows(one, root);

    const response = await mutate(one, { type: "add", states: ["Flight1Delayed"] });
    const { result, version } = (await response.json()) as { result: string; version: string };
    expect(result).toBe("executed");
    expect(root.machine?.is("Flight1Delayed")).toBe(true);

    for (const leaf of [one, two]) {
      const states = await request(leaf, `/states?min-version=${version}&wait=5000`);
      expect(states.status).toBe(200);
      expect(Number(states.headers.get("machine-age-ms"))).toBeLessThan(5_000);
      expect(await states.json()).toMatchObject({
        version: root.clock.version,
        states: expect.arrayContaining(["Flight1Delayed"]),
      });
    }
    const { node, upstream } = (await (await request(one, "/topology")).json()) as {
      node: object;
      upstream: object;
    };
    expect(node).toMatchObject({ name: "rep-1-1", role: "leaf", level: 2 });
    expect(upstream).toMatchObject({ address: formatAddress(relay.addr), status: "live" });
    const { downstreams } = (await (await request(relay, "/topology")).json()) as {
      downstreams: { name: string }[];
    };
    expect(downstreams.map(({ name }) => name).sort()).toEqual(["rep-1-1", "rep-1-2"]);
  });

  it("changes nothing for an invalid mutation, and says what is wrong", async () => {
    const root = await start();
    const leaf = await startBelow(root, "leaf");
    await untilFollows(leaf, root);
    const cases: [body: unknown, status: number, detail: RegExp][] = [
      [{ type: "add", states: ["Flight1Delayd"] }, 422, /Flight1Delayd.*Flight1Delayed/],
      [{ type: "ad", states: ["Flight1Delayed"] }, 422, /type/],
      ["{", 400, /JSON/],
      [`"${"x".repeat(2_000_000)}"`, 413, /./],
    ];
    for (const [body, status, detail] of cases) {
      const response = await mutate(leaf, body);
      expect(response.status).toBe(status);
      expect(response.headers.get("content-type")).toMatch(/^application\/problem\+json/);
      expect(await response.text()).toMatch(detail);
    }
    expect(root.clock.seq).toBe(0);
  });

  it("converges on the new epoch of a root that restarted at the same address", async () => {
    const root = await start();
    const relay = await startBelow(root, "rep-1", "relay");
    const leaf = await startBelow(relay, "rep-1-1");
    await untilFollows(leaf, root);
    await root.close();
    expect((await request(leaf, "/states")).status).toBe(200);
    const again = await start({ TST_ADDR: formatAddress(root.addr) });
    expect(again.clock.epoch).not.toBe(root.clock.epoch);
    await untilFollows(leaf, again);
    expect((await mutate(leaf, { type: "add", states: ["Start"] })).status).toBe(200);
    expect(again.machine?.is("Start")).toBe(true);
  });

  it("responds 503 before its first clock, and when its clock is older than the limit", async () => {
    const lonely = await start({
      TST_NAME: "lonely",
      TST_PARENT_ADDR: "127.0.0.1:1",
      TST_STALE_AFTER_MS: "1",
    });
    expect((await request(lonely, "/states?wait=0")).status).toBe(503);
    expect((await request(lonely, "/readyz")).status).toBe(503);
    expect((await request(lonely, "/healthz")).status).toBe(200);
    expect((await mutate(lonely, { type: "add", states: ["Start"] })).status).toBe(503);
  });

  it("is not ready on the root once its machine is disposed, nor on a leaf", async () => {
    const root = await start({ TST_STALE_AFTER_MS: "1" });
    const leaf = await nodes.startBelow([root], "leaf", { TST_STALE_AFTER_MS: "600" }, options);
    await untilFollows(leaf, root);
    await root.machine!.dispose();
    for (const node of [root, leaf])
      await vi.waitFor(async () => expect((await request(node, "/readyz")).status).toBe(503));
  });

  it("replays the day at the root", async () => {
    const root = await start({ TST_FEED: "replay", TST_FEED_SPEED: "1000" });
    await untilClock(root.clock, () => root.clock.seq >= 20);
    expect(root.machine?.is("Ready")).toBe(true);
    expect(records.find(({ message }) => message === "feed mutation canceled")).toBeUndefined();
  });

  it("first makes its downstreams move and then finishes requests in flight when it stops", async () => {
    const root = await start();
    const relays = [
      await startBelow(root, "rep-1", "relay"),
      await startBelow(root, "rep-2", "relay"),
    ] as const;
    const leaf = await nodes.startBelow(relays, "rep-1-1", {}, options);
    await untilFollows(leaf, root);
    const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    beforeRequest = async ({ url }) => {
      if (!url.includes(`${root.addr.port}/`) || !url.endsWith("/Mutate")) return;
      entered.resolve();
      await release.promise;
    };
    records = [];
    const response = mutate(leaf, { type: "add", states: ["Flight1Delayed"] });
    await entered.promise;
    let isStopped = false;
    const stopped = relays[0].close().then(() => {
      isStopped = true;
    });
    await expect.poll(() => records.map(({ message }) => message)).toContain("link moved");
    expect(isStopped).toBe(false);
    release.resolve();
    expect(await (await response).json()).toMatchObject({ result: "executed" });
    await stopped;
    expect(records.map(({ message }) => message)).not.toContain("link lost");
    expect(await (await request(leaf, "/topology")).json()).toMatchObject({
      upstream: { address: formatAddress(relays[1].addr), status: "live", resyncs: 0 },
    });
  });

  it("responds to requests that still wait when its time to drain is over", async () => {
    const root = await start({ TST_DRAIN_MS: "20" });
    const version = `${root.clock.epoch}-1000`;
    const listens = vi.spyOn(root.clock, "onChange");
    const waiting = request(root, `/states?min-version=${version}&wait=30000`);
    await expect.poll(() => listens.mock.calls.length).toBe(1);
    await root.close();
    const response = await waiting;
    expect(response.status).toBe(503);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
  });

  it("names the setting whose port is taken", async () => {
    const root = await start();
    const taken = start({ TST_ADDR: formatAddress(root.addr) });
    await expect(taken).rejects.toThrow(ConfigError);
    await expect(taken).rejects.toThrow(
      `Cannot start root: Cannot listen on ${formatAddress(root.addr)}: the port is taken by another program; set another with TST_ADDR (--addr)`,
    );
    await expect(start({ TST_HTTP_ADDR: formatAddress(root.httpAddr) })).rejects.toThrow(
      /TST_HTTP_ADDR/,
    );
  });

  it("names the available feeds", async () => {
    await expect(start({ TST_FEED: "nope" })).rejects.toThrow(
      /Cannot use TST_FEED.*"nope".*replay, random, none/,
    );
  });
});
