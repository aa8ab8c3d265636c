/** A node's replication service on the port of its HTTP API, over HTTP/1.1, as a browser would use it. */

import { Code, ConnectError, cors, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  MutationType,
  StateSourceService,
} from "../../gen/connect/statesource/v1/statesource_pb.js";
import { fetchTransport, REPLICATION_PATHS, Replica } from "../replication/mod.ts";
import { StockReplica } from "../testing/stock_replica.ts";
import { untilClock, useTestNodes } from "../testing/test_node.ts";
import { formatAddress } from "./address.ts";
import type { TreeNode } from "./node.ts";

const ORIGIN = "https://board.example";

describe("A node's HTTP API", () => {
  const nodes = useTestNodes();

  async function start(env: Record<string, string> = {}) {
    const { promise: downstreamClosed, resolve } = Promise.withResolvers<void>();
    const node = await nodes.start(
      { TST_HEARTBEAT_INTERVAL_MS: "50", ...env },
      { onLog: ({ message }) => message === "downstream closed" && resolve() },
    );
    return { node, downstreamClosed, baseUrl: `http://${formatAddress(node.httpAddr)}` };
  }

  function connect(baseUrl: string) {
    return createClient(
      StateSourceService,
      createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    );
  }

  it("serves a stock client's Subscribe, Mutate and Probe", async () => {
    const { node, baseUrl } = await start();
    const client = connect(baseUrl);
    const abort = new AbortController();
    const messages = client
      .subscribe({ name: "stock" }, { signal: abort.signal })
      [Symbol.asyncIterator]();
    const replica = new StockReplica();
    expect(replica.apply((await messages.next()).value)).toBe("start");
    const states = ["Flight1Delayed", "Flight2Inbound"];
    const { seq } = await client.mutate({ type: MutationType.ADD, states });
    while (replica.seq < seq) replica.apply((await messages.next()).value);
    expect(replica.activeStates()).toEqual(expect.arrayContaining(states));
    expect(replica.ticks).toEqual(Array.from(node.clock.ticks, BigInt));
    expect((await client.probe({})).sentMs).toBeGreaterThan(0n);
    abort.abort();
  });

  it("serves a replica whose transport is `fetch`, also after a restart", async () => {
    const first = await start();
    const replica = new Replica({
      name: "fetching",
      addresses: [first.baseUrl],
      transport: fetchTransport,
      backoff: { minMs: 5, maxMs: 20 },
    });
    onTestFinished(() => replica.close());
    replica.start();
    const untilEqual = (node: TreeNode) =>
      untilClock(replica.clock, () => replica.clock.version === node.clock.version);
    await untilEqual(first.node);
    const options = { signal: AbortSignal.timeout(5_000), timeoutMs: 5_000 };
    await replica.mutate({ type: "add", states: ["Flight1Delayed"] }, options);
    await untilEqual(first.node);
    expect(replica.clock.activeStates()).toContain("Flight1Delayed");
    expect(replica.ageMs()).toBeLessThan(5_000);

    await first.node.close();
    const second = await start({ TST_HTTP_ADDR: formatAddress(first.node.httpAddr) });
    await untilEqual(second.node);
    expect(replica.clock.epoch).toBe(second.node.clock.epoch);
    expect(replica.status).toBe("live");
  });

  it("responds with Connect codes, also at the end of a stream", async () => {
    const { baseUrl } = await start();
    const client = connect(baseUrl);
    const error = await client
      .mutate({ type: MutationType.ADD, states: ["Nope"] })
      .catch((thrown) => thrown);
    expect(ConnectError.from(error).code).toBe(Code.InvalidArgument);
    const messages = client.subscribe({})[Symbol.asyncIterator]();
    const refused = await messages.next().catch((thrown) => thrown);
    expect(ConnectError.from(refused).code).toBe(Code.InvalidArgument);
  });

  it("frees the place of a client that disconnects", async () => {
    const { baseUrl, downstreamClosed } = await start();
    const abort = new AbortController();
    const messages = connect(baseUrl)
      .subscribe({ name: "stock" }, { signal: abort.signal })
      [Symbol.asyncIterator]();
    await messages.next();
    abort.abort();
    await expect(messages.next()).rejects.toThrow();
    await downstreamClosed;
    const topology = (await (await fetch(`${baseUrl}/topology`)).json()) as {
      downstreams: unknown[];
    };
    expect(topology.downstreams).toEqual([]);
  });

  const preflight = (baseUrl: string, origin: string, path = REPLICATION_PATHS[0]) =>
    fetch(`${baseUrl}${path}`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "connect-protocol-version,content-type",
      },
    });

  it("lets pages of the configured origins be replicas, and no others", async () => {
    const { baseUrl } = await start({ TST_CORS_ORIGINS: ORIGIN });
    const { status, headers } = await preflight(baseUrl, ORIGIN);
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-origin")).toBe(ORIGIN);
    expect(headers.get("access-control-allow-methods")).toContain("POST");
    const allowed = headers.get("access-control-allow-headers")?.split(",");
    const needed = cors.allowedHeaders
      .map((name) => name.toLowerCase())
      // The other headers are for gRPC-Web and compression, which this service does not have.
      .filter((name) => /^connect-(protocol|timeout)|^content-type/.test(name));
    expect(needed).toHaveLength(3);
    expect(allowed).toEqual(expect.arrayContaining(needed));
    for (const path of REPLICATION_PATHS) {
      const response = await preflight(baseUrl, ORIGIN, path);
      expect(response.headers.get("access-control-allow-origin")).toBe(ORIGIN);
    }
    const other = await preflight(baseUrl, "https://evil.example");
    expect(other.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("lets no page be a replica by default", async () => {
    const { baseUrl } = await start();
    const { headers } = await preflight(baseUrl, ORIGIN);
    expect(headers.get("access-control-allow-origin")).toBeNull();
    expect(headers.get("access-control-allow-headers")).toBeNull();
  });
});
