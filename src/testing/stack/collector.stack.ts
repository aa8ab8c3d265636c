/**
 * The real Collector with otel-collector.yaml, between nine nodes, a real Prometheus that it writes to, and a
 * receiver in place of Tempo and Loki.
 */

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { OtlpReceiver } from "../otlp_receiver.ts";
import { fillVariables, panelQueries } from "../panel_queries.ts";
import { COLLECTOR_CONFIG, COMPONENT_MODULES, findCollector, startCollector } from "./collector.ts";
import { Cleanup, eventually, type Program } from "./process.ts";
import { findPrometheus, Prometheus } from "./prometheus.ts";
import { type RunningTree, startTree } from "./running_tree.ts";

const collectorPath = await findCollector();
const prometheusPath = findPrometheus();

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c";

it("knows the Go module of every component that otel-collector.yaml uses", () => {
  const config = parse(readFileSync(COLLECTOR_CONFIG, "utf8"));
  for (const [kind, modules] of Object.entries(COMPONENT_MODULES)) {
    const types = Object.keys(config[kind]).map((name) => name.split("/")[0]);
    expect([...new Set(types)].sort(), kind).toEqual(Object.keys(modules).sort());
  }
});

describe.skipIf(collectorPath === undefined)("otel-collector.yaml", () => {
  it("is valid for the Collector, without any variable and with those of compose.yaml", () => {
    const { status, stderr } = spawnSync(
      collectorPath!,
      ["validate", "--config", COLLECTOR_CONFIG],
      {
        encoding: "utf8",
      },
    );
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
});

const isMissing = collectorPath === undefined || prometheusPath === undefined;

describe.skipIf(isMissing)("the Collector between nodes and backends", () => {
  const cleanup = new Cleanup();
  let tree: RunningTree;
  let prometheus: Prometheus;
  let backend: OtlpReceiver;
  let collector: Program;
  let start: () => Promise<void>;

  beforeAll(async () => {
    backend = await OtlpReceiver.start();
    cleanup.add(() => backend.close());
    prometheus = await Prometheus.start(prometheusPath!, { targets: [] }, cleanup);
    const otlpPort = await freePort();
    tree = await startTree(
      {
        TST_FEED: "random",
        TST_MUTATION_INTERVAL_MS: "200",
        // Transitions of the feed are not sampled, so only the tests create traces.
        OTEL_TRACES_SAMPLER: "parentbased_always_off",
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${otlpPort}`,
        OTEL_BSP_SCHEDULE_DELAY: "200",
        OTEL_BLRP_SCHEDULE_DELAY: "200",
      },
      cleanup,
    );
    start = async () => {
      collector = await startCollector(
        collectorPath!,
        {
          nodes: tree.places.map(({ httpPort }) => `127.0.0.1:${httpPort}`),
          otlpPort,
          prometheusUrl: prometheus.url,
          tempoUrl: backend.url,
          lokiUrl: backend.url,
        },
        cleanup,
      );
    };
    await start();
  }, 120_000);

  afterAll(() => cleanup.run(), 30_000);

  it("writes to Prometheus what it scrapes, under the names and labels of /metrics", async () => {
    await eventually(async () => {
      expect(await prometheus.query('up{job="tree"} == 1')).toHaveLength(9);
    });
    const direct = seriesOf(await (await fetch(`${tree.url("rep-1-1")}/metrics`)).text());
    expect(direct.length).toBeGreaterThan(100);
    const stored = await eventually(async () => {
      const samples = await prometheus.query(
        '{job="tree", service_instance_id="rep-1-1", __name__!~".*_bucket|target_info"}',
      );
      expect(samples.length).toBeGreaterThan(50);
      return samples;
    });
    const names = new Set(direct.map((line) => line.split("{")[0]));
    const unknown = stored.filter(({ metric }) => !names.has(metric.__name__!));
    expect(unknown).toEqual([]);
    for (const { metric } of stored) {
      const { __name__, job, instance, ...labels } = metric;
      expect({ job, instance }).toEqual({
        job: "tree",
        instance: new URL(tree.url("rep-1-1")).host,
      });
      const line = direct.find(
        (series) =>
          series.startsWith(`${__name__}{`) &&
          Object.entries(labels).every(([name, value]) => series.includes(`${name}="${value}"`)),
      );
      expect(line, JSON.stringify(metric)).toBeDefined();
    }
  });

  it("gives the queries of the picture of the tree the same results as a direct scrape", async () => {
    const edges = panelQueries().find(({ where }) => where.endsWith("Who follows whom / edges"))!;
    await eventually(async () => {
      const samples = await prometheus.query(fillVariables(edges.text, { rateInterval: "5s" }));
      expect(samples).toHaveLength(8);
    });
  });

  it("forwards the whole trace of a mutation and its log records, and adds the defaults that the sender left out", async () => {
    await mutate("rep-2-2", TRACE_ID);
    const spans = await eventually(() => {
      const found = backend.spans.filter(({ traceId }) => traceId === TRACE_ID);
      expect(found.filter(({ kind }) => kind === "CONSUMER")).toHaveLength(8);
      expect(found.some(({ name }) => name === "POST /mutations")).toBe(true);
      return found;
    });
    const ids = new Set(spans.map(({ spanId }) => spanId));
    const orphans = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
    expect(orphans.map(({ name }) => name)).toEqual(["POST /mutations"]);
    const logs = await eventually(() => {
      const found = backend.logs.filter(({ traceId }) => traceId === TRACE_ID);
      expect(found.length).toBeGreaterThanOrEqual(9);
      return found;
    });
    for (const { resource } of [...spans, ...logs]) {
      expect(resource).toMatchObject({
        "service.namespace": "tree-state-source",
        "deployment.environment.name": "local",
      });
    }
    expect(backend.errors).toEqual([]);
  });

  it("keeps what it could not forward until the backend is back", async () => {
    backend.mode = "refuse";
    const traceId = TRACE_ID.replace(/^0a/, "0b");
    await mutate("rep-1-3", traceId);
    await eventually(() => {
      expect(backend.requests.filter(({ path }) => path === "/v1/traces").length).toBeGreaterThan(
        1,
      );
      expect(collector.lines.some((line) => line.includes("Will retry"))).toBe(true);
    });
    backend.mode = "ok";
    await eventually(() => {
      const found = backend.spans.filter((span) => span.traceId === traceId);
      expect(found.filter(({ kind }) => kind === "CONSUMER")).toHaveLength(8);
    });
  });

  it("is not needed by the nodes: without it mutations continue, and nodes send to a new one", async () => {
    await collector.stop();
    const startedAt = performance.now();
    for (let i = 0; i < 20; i++) await mutate("rep-1-1", TRACE_ID.replace(/^0a/, "0c"));
    // Twenty times to the root and back; a node that waited for the Collector would need 10 s for one.
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await start();
    const traceId = TRACE_ID.replace(/^0a/, "0d");
    await mutate("rep-1-1", traceId);
    await eventually(() => {
      const found = backend.spans.filter((span) => span.traceId === traceId);
      expect(found.filter(({ kind }) => kind === "CONSUMER")).toHaveLength(8);
    });
  });

  it("shows a node that does not respond as down", async () => {
    const pid = tree.pid("rep-2-3");
    process.kill(pid, "SIGSTOP");
    try {
      await eventually(async () => {
        const down = await prometheus.query('up{job="tree"} == 0');
        expect(down.map(({ metric }) => metric.instance)).toEqual([
          new URL(tree.url("rep-2-3")).host,
        ]);
      });
    } finally {
      process.kill(pid, "SIGCONT");
    }
  });

  let turn = 0;
  /** Sends a node a mutation that changes a state, in a sampled trace. */
  async function mutate(node: string, traceId: string): Promise<void> {
    const response = await fetch(`${tree.url(node)}/mutations`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ type: "toggle", states: ["Heartbeat"], args: { turn: turn++ } }),
    });
    const { result } = (await response.json()) as { result: string };
    expect(result).toBe("executed");
  }
});

/** Names with their labels in a Prometheus text. */
function seriesOf(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.slice(0, line.lastIndexOf(" ")));
}

/** A port that was just free, for a program that must keep its port after a restart. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
