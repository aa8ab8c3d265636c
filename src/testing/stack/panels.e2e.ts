/**
 * Nine nodes, and a real Prometheus that scrapes them: every panel of every dashboard has data, and every
 * alert rule can be evaluated.
 */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alertQueries, fillVariables, type PanelQuery, panelQueries } from "../panel_queries.ts";
import { Cleanup, eventually } from "./process.ts";
import { findPrometheus, Prometheus } from "./prometheus.ts";
import { type RunningTree, startTree } from "./running_tree.ts";
import { keepTraffic } from "./traffic.ts";

/** Computed by Tempo from traces, which this test does not have. */
const OF_TEMPO = /\btraces_(?:spanmetrics|service_graph)_/;
/** Values of `$node`, one of each tier; a panel must have data for at least one of them. */
const NODES = ["root", "rep-1", "rep-1-1", ".+"];

/** Queries that have no data here; their panels have other queries with data. */
const MAY_BE_EMPTY: Readonly<Record<string, string>> = {
  "transitions.json / Handlers / B": "the flights' machine has no handlers",
  "transitions.json / Handlers / C": "the flights' machine has no handlers",
  "transitions.json / Handlers / D": "the flights' machine has no handlers",
};

const program = findPrometheus();

const QUERIES = panelQueries().filter(
  ({ language, text }) => language === "promql" && !OF_TEMPO.test(text),
);

describe.skipIf(program === undefined)("dashboards over nine nodes", () => {
  const cleanup = new Cleanup();
  let tree: RunningTree;
  let prometheus: Prometheus;

  beforeAll(async () => {
    tree = await startTree({ TST_FEED: "random", TST_MUTATION_INTERVAL_MS: "20" }, cleanup);
    const targets = tree.places.map(({ httpPort }) => `127.0.0.1:${httpPort}`);
    prometheus = await Prometheus.start(program!, { targets }, cleanup);
    cleanup.add(keepTraffic(tree));
  }, 90_000);

  afterAll(() => cleanup.run(), 30_000);

  it("scrapes all nine", async () => {
    const up = await eventually(async () => {
      const samples = await prometheus.query('up{job="tree"} == 1');
      expect(samples).toHaveLength(9);
      return samples;
    });
    expect(new Set(up.map(({ metric }) => metric.instance)).size).toBe(9);
  });

  it("puts name, tier and level of the node on every series", async () => {
    const bare = await eventually(() =>
      prometheus.query(
        'count by (__name__) ({job="tree", service_instance_id="", __name__!~"up|scrape_.*"})',
      ),
    );
    expect(bare).toEqual([]);
    const nodes = await prometheus.query(
      "count by (service_instance_id, service_name, tree_level) (process_uptime)",
    );
    expect(nodes.map(({ metric }) => Object.values(metric).join(" ")).sort()).toEqual(
      tree.places
        .map(({ name, role }) => `${name} tree-${role} ${["root", "relay", "leaf"].indexOf(role)}`)
        .sort(),
    );
  });

  it("keeps the number of series bounded", async () => {
    const [series] = await prometheus.query('count({job="tree"})');
    // About 360 per node; names of states or ids in a label would make thousands.
    expect(series!.value).toBeLessThan(9 * 600);
  });

  it.each(QUERIES)("has data: $where", async (query) => {
    if (query.where in MAY_BE_EMPTY) {
      await ask(query, ".+");
      return;
    }
    await eventually(async () => {
      const results = await Promise.all(NODES.map((node) => ask(query, node)));
      // A rate without samples is NaN, for which Grafana shows no value.
      const values = results.flat().filter(({ value }) => Number.isFinite(value));
      expect(values.length, fillVariables(query.text)).toBeGreaterThan(0);
    });
  });

  it.each(alertQueries())("can be evaluated: $where", async ({ text }) => {
    await prometheus.query(text);
  });

  it("loads every alert rule, and none fires for a healthy tree", async () => {
    const rules = await eventually(async () => {
      const states = await prometheus.rules();
      expect(states.map(({ health }) => health)).toEqual(alertQueries().map(() => "ok"));
      return states;
    });
    // Mutations of the random feed are often canceled, so the rejection rate may be over its limit.
    const firing = rules.filter(
      ({ name, state }) => name !== "RejectionRate" && state !== "inactive",
    );
    expect(firing).toEqual([]);
  });

  it("shows who follows whom, for the picture of the tree, as the nodes do", async () => {
    const edges = QUERIES.find(({ where }) => where.endsWith("Who follows whom / edges"))!;
    // A leaf whose relay was not ready follows the other one until it returns.
    await eventually(async () => {
      const samples = await ask(edges, ".+");
      const drawn = samples.map(({ metric }) => `${metric.source} > ${metric.target}`);
      const reported = await Promise.all(
        tree.places.slice(1).map(async ({ name }) => `${await upstreamOf(name)} > ${name}`),
      );
      expect(drawn.sort()).toEqual(reported.sort());
      expect(new Set(samples.map(({ metric }) => metric.id)).size).toBe(8);
    });
  });

  async function upstreamOf(name: string): Promise<string | undefined> {
    const response = await fetch(`${tree.url(name)}/topology`);
    const { upstream } = (await response.json()) as { upstream: { address: string } };
    return tree.places.find(({ port }) => upstream.address === `127.0.0.1:${port}`)?.name;
  }

  function ask({ text }: PanelQuery, node: string) {
    return prometheus.query(fillVariables(text, { node, rateInterval: "5s", range: "1m" }));
  }
});
