import { describe, expect, it } from "vitest";
import { MetricSet } from "./metric_set.ts";
import {
  METRIC_CLOCK_AGE,
  METRIC_COALESCED,
  METRIC_LINK_STATUS,
  METRIC_QUEUE_WAIT,
  METRIC_TRANSITIONS,
} from "./semconv.ts";

const collect = (metrics: MetricSet) =>
  Object.fromEntries(metrics.collect().map(({ definition, points }) => [definition.name, points]));

describe("MetricSet", () => {
  it("returns the same cell for the same attribute values, and collects cells with their attributes", () => {
    const metrics = new MetricSet();
    const transitions = metrics.counters(METRIC_TRANSITIONS);
    transitions.at("executed", "add").value += 2;
    transitions.at("executed", "add").value++;
    transitions.at("canceled", "auto").value++;
    metrics.counter(METRIC_COALESCED).value = 5;
    expect(collect(metrics)).toEqual({
      "machine.transitions": [
        { attributes: { result: "executed", type: "add" }, value: 3 },
        { attributes: { result: "canceled", type: "auto" }, value: 1 },
      ],
      "replication.diffs.coalesced": [{ attributes: {}, value: 5 }],
    });
  });

  it("reads observed metrics at each collection, and leaves out values that are not finite", () => {
    const metrics = new MetricSet();
    let age = Number.POSITIVE_INFINITY;
    metrics.observe(METRIC_CLOCK_AGE, (report) => report(age));
    metrics.observe(METRIC_LINK_STATUS, (report) => {
      report(1, "live");
      report(0, "stale");
    });
    expect(collect(metrics)).not.toHaveProperty("replication.clock.age");
    age = 2;
    expect(collect(metrics)).toEqual({
      "replication.clock.age": [{ attributes: {}, value: 2 }],
      "replication.link.status": [
        { attributes: { status: "live" }, value: 1 },
        { attributes: { status: "stale" }, value: 0 },
      ],
    });
  });

  it("creates histograms with the definition's buckets", () => {
    const metrics = new MetricSet();
    metrics.histogram(METRIC_QUEUE_WAIT).record(0.002);
    const [point] = collect(metrics)["machine.queue.wait"]!;
    expect(point!.value).toMatchObject({ boundaries: METRIC_QUEUE_WAIT.boundaries, count: 1 });
  });

  it("counts attribute values beyond 500 series together", () => {
    const metrics = new MetricSet();
    const transitions = metrics.counters(METRIC_TRANSITIONS);
    for (let i = 0; i < 600; i++) transitions.at("executed", `type ${i}`).value++;
    const points = collect(metrics)["machine.transitions"]!;
    expect(points).toHaveLength(501);
    expect(points.at(-1)).toEqual({ attributes: { "otel.metric.overflow": "true" }, value: 100 });
    expect(transitions.at("executed", "type 0").value).toBe(1);
  });

  it("refuses a metric that already exists, and a wrong number of attribute values", () => {
    const metrics = new MetricSet();
    const transitions = metrics.counters(METRIC_TRANSITIONS);
    expect(() => metrics.counters(METRIC_TRANSITIONS)).toThrow(
      'Cannot add metric "machine.transitions": it already exists',
    );
    expect(() => transitions.at("executed")).toThrow(/it has 2 attributes, not 1/);
  });
});
