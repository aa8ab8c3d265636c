/** `GET /metrics` of real nodes: all named metrics, with the labels that dashboards use. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createProcessMeter } from "../runtime/node.ts";
import * as semconv from "../telemetry/semconv.ts";
import { type MetricDefinition, prometheusLabel, prometheusName } from "../telemetry/semconv.ts";
import { mutate, request, TestNodes, untilClock } from "../testing/test_node.ts";

const METRICS = Object.entries(semconv)
  .filter(([key]) => key.startsWith("METRIC_"))
  .map(([, value]) => value as MetricDefinition);

const nodes = new TestNodes();
const text: Record<string, string> = {};

beforeAll(async () => {
  const env = {
    TST_FEED: "random",
    TST_MUTATION_INTERVAL_MS: "5",
    TST_PUSH_INTERVAL_MS: "0",
  };
  const telemetry = { meter: createProcessMeter() };
  const root = await nodes.start(env, { telemetry });
  const leaf = await nodes.startBelow([root], "leaf", env, { telemetry });
  await untilClock(leaf.clock, () => leaf.clock.seq >= 10);
  expect((await mutate(leaf, { type: "add", states: ["Start"] })).status).toBe(200);
  for (const [name, node] of Object.entries({ root, leaf })) {
    const response = await request(node, "/metrics");
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    text[name] = await response.text();
  }
});

afterAll(() => nodes.close());

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The series of a text, which must contain nothing but series and comments. */
function parse(metrics: string): Series[] {
  return metrics
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const match = /^([a-z_][a-z0-9_]*)\{(.*)\} (\S+)$/i.exec(line);
      if (match === null) throw new SyntaxError(`Cannot read "${line}"`);
      const labels = [...match[2]!.matchAll(/([a-z_]+)="([^"]*)",?/g)];
      return {
        name: match[1]!,
        labels: Object.fromEntries(labels.map(([, key, value]) => [key, value])),
        value: match[3] === "+Inf" ? Number.POSITIVE_INFINITY : Number(match[3]),
      };
    });
}

/** Metrics that a test cannot produce: garbage collections come at any time, and nothing is exported. */
const ELSEWHERE = [semconv.METRIC_GC_DURATION, semconv.METRIC_EXPORTED];

describe("GET /metrics", () => {
  it("has every named metric, on the root or on a leaf, with its attributes", () => {
    const series = [...parse(text.root!), ...parse(text.leaf!)];
    for (const definition of METRICS.filter((metric) => !ELSEWHERE.includes(metric))) {
      const name = prometheusName(definition);
      const suffix = definition.type === "histogram" ? "_count" : "";
      const own = series.filter((one) => one.name === `${name}${suffix}`);
      expect(own, name).not.toEqual([]);
      const keys = new Set(own.flatMap(({ labels }) => Object.keys(labels)));
      expect(keys, name).toEqual(
        new Set([
          ...definition.attributes.map(prometheusLabel),
          "service_name",
          "service_instance_id",
          "tree_level",
          "machine_id",
        ]),
      );
    }
  });

  it("has no other metric", () => {
    const known = new Set(METRICS.map(prometheusName));
    for (const { name } of parse(`${text.root}\n${text.leaf}`)) {
      const base = name.replace(/_(bucket|count|sum)$/, "");
      expect(known.has(name) || known.has(base) || name === "target_info", name).toBe(true);
    }
  });

  it("labels every series with its node", () => {
    for (const [node, service, level] of [
      ["root", "tree-root", "0"],
      ["leaf", "tree-leaf", "1"],
    ] as const) {
      for (const { labels } of parse(text[node]!)) {
        expect(labels).toMatchObject({
          service_instance_id: node,
          service_name: service,
          tree_level: level,
          machine_id: "flights",
        });
      }
    }
  });

  it("counts what has happened", () => {
    const root = parse(text.root!);
    const leaf = parse(text.leaf!);
    const read = (series: readonly Series[], name: string, labels = {}) =>
      series.find(
        (one) =>
          one.name === name &&
          Object.entries(labels).every(([key, value]) => one.labels[key] === value),
      )?.value;
    expect(
      read(root, "machine_transitions_total", { result: "executed", type: "add" }),
    ).toBeGreaterThan(5);
    expect(read(root, "machine_transition_duration_count")).toBeGreaterThan(5);
    expect(read(root, "feed_mutations_total", { feed: "random" })).toBeGreaterThan(0);
    expect(read(root, "replication_downstreams")).toBe(1);
    expect(read(root, "replication_link_status")).toBeUndefined();
    expect(read(leaf, "replication_link_status", { status: "live" })).toBe(1);
    expect(read(leaf, "replication_mutations_forwarded_total", { result: "executed" })).toBe(1);
    expect(read(leaf, "replication_lag_count")).toBeGreaterThan(0);
    expect(read(leaf, "machine_states_known")).toBe(149);
    expect(read(leaf, "replication_received_total")).toBeLessThanOrEqual(
      read(root, "replication_sent_total")! + 100_000,
    );
    expect(
      read(leaf, "http_server_request_duration_count", {
        http_request_method: "POST",
        http_route: "/mutations",
        http_response_status_code: "200",
      }),
    ).toBe(1);
    expect(read(leaf, "process_memory_usage")).toBeGreaterThan(10_000_000);
  });
});
