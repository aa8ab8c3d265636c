/**
 * The alert rules on a real Prometheus that scrapes a node with every problem that they detect, a healthy
 * one, and one that is gone.
 */

import { spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  METRIC_CLOCK_AGE,
  METRIC_RESYNCS,
  METRIC_TRANSITIONS,
  prometheusName,
} from "../../telemetry/semconv.ts";
import { Cleanup, eventually, findProgram } from "./process.ts";
import { findPrometheus, Prometheus } from "./prometheus.ts";

const program = findPrometheus();
const promtool = findProgram("promtool", "PROMTOOL_BIN");

describe.skipIf(promtool === undefined)("Prometheus' files", () => {
  it("are valid for promtool, which is part of Prometheus", () => {
    const config = fileURLToPath(
      new URL("../../../dashboards/prometheus/prometheus.yaml", import.meta.url),
    );
    const { status, stdout, stderr } = spawnSync(promtool!, ["check", "config", config], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(stdout).toContain("SUCCESS: 4 rules found");
    expect(status).toBe(0);
  });
});

/** Text of /metrics of a leaf at its nth scrape. */
function metrics(node: string, isWell: boolean, scrape: number): string {
  const labels = `service_instance_id="${node}",service_name="tree-leaf"`;
  const transitions = prometheusName(METRIC_TRANSITIONS);
  return [
    `${prometheusName(METRIC_CLOCK_AGE)}{${labels}} ${isWell ? 0.2 : 60}`,
    `# TYPE ${prometheusName(METRIC_RESYNCS)} counter`,
    `${prometheusName(METRIC_RESYNCS)}{${labels},reason="checksum"} ${isWell ? 1 : scrape * 10}`,
    `# TYPE ${transitions} counter`,
    `${transitions}{${labels},result="executed",type="add"} ${scrape * 100}`,
    `${transitions}{${labels},result="canceled",type="add"} ${scrape * (isWell ? 5 : 80)}`,
    "",
  ].join("\n");
}

describe.skipIf(program === undefined)("alert rules", () => {
  const cleanup = new Cleanup();
  let prometheus: Prometheus;
  let gone: string;

  /** Serves /metrics of a node; resolves to its host:port. */
  async function serve(node: string, isWell: boolean): Promise<string> {
    let scrapes = 0;
    const server = createServer((_request, response) => {
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
      response.end(metrics(node, isWell, ++scrapes));
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    cleanup.add(() => {
      server.closeAllConnections();
      server.close();
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  beforeAll(async () => {
    const targets = [await serve("ill", false), await serve("well", true)];
    // A port that was free a moment ago.
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    gone = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await new Promise((done) => server.close(done));
    prometheus = await Prometheus.start(
      program!,
      { targets: [...targets, gone], alertsAtOnce: true },
      cleanup,
    );
  }, 30_000);

  afterAll(() => cleanup.run(), 30_000);

  it("fire for the node with problems, name it, and do not fire for the healthy one", async () => {
    const summaries = await eventually(async () => {
      const alerts = await prometheus.alerts();
      const firing = alerts.filter(({ state }) => state === "firing");
      expect(firing.length).toBeGreaterThanOrEqual(4);
      return firing.map(({ labels, annotations }) => `${labels.alertname}: ${annotations.summary}`);
    });
    expect(summaries.sort()).toEqual([
      "LeafStale: ill shows a clock that is 1m 0s old",
      `NodeDown: ${gone} does not respond`,
      expect.stringMatching(/^RejectionRate: 44\.\d+% of the transitions on ill are canceled$/),
      "ResyncStorm: ill resyncs repeatedly (checksum)",
    ]);
  });

  it("link to the dashboard of the node", async () => {
    const alerts = await prometheus.alerts();
    const links = Object.fromEntries(
      alerts.map(({ labels, annotations }) => [labels.alertname, annotations.dashboard]),
    );
    expect(links).toEqual({
      NodeDown: "/d/tst-tree",
      LeafStale: "/d/tst-node?var-node=ill",
      ResyncStorm: "/d/tst-node?var-node=ill",
      RejectionRate: "/d/tst-transitions",
    });
  });
});
