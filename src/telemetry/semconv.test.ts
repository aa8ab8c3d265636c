import { describe, expect, it } from "vitest";
import * as semconv from "./semconv.ts";
import { type MetricDefinition, prometheusLabel, prometheusName } from "./semconv.ts";

const all = Object.entries(semconv);
const metrics = all
  .filter(([key]) => key.startsWith("METRIC_"))
  .map(([, value]) => value as MetricDefinition);

describe("semconv.ts", () => {
  it("gives each metric a unique name in lower case with dots, unique in Prometheus too", () => {
    const names = metrics.map(prometheusName);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of metrics) expect(name).toMatch(/^[a-z0-9]+([._][a-z0-9]+)*$/);
  });

  it("describes each metric, and gives ascending buckets to histograms only", () => {
    for (const { description, unit, type, boundaries } of metrics) {
      expect(description).toMatch(/^[A-Z0-9].*[^.]$/);
      expect(unit).not.toBe("");
      expect(boundaries.length > 0).toBe(type === "histogram");
      expect(boundaries).toEqual(boundaries.toSorted((a, b) => a - b));
    }
  });

  it("has unique attributes, and those of metrics among them", () => {
    const attributes = all.filter(([key]) => key.startsWith("ATTR_")).map(([, value]) => value);
    expect(new Set(attributes).size).toBe(attributes.length);
    for (const attribute of metrics.flatMap((metric) => metric.attributes))
      expect(attributes).toContain(attribute);
  });

  it("returns the names in Prometheus: no unit, _total on counters", () => {
    expect(prometheusName(semconv.METRIC_TRANSITIONS)).toBe("machine_transitions_total");
    expect(prometheusName(semconv.METRIC_LAG)).toBe("replication_lag");
    expect(prometheusLabel(semconv.ATTR_HTTP_RESPONSE_STATUS_CODE)).toBe(
      "http_response_status_code",
    );
  });
});
