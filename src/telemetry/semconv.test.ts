import { describe, expect, it } from "vitest";
import * as semconv from "./semconv.ts";
import { type MetricDefinition, prometheusLabel, prometheusName } from "./semconv.ts";

const all = Object.entries(semconv);
const metrics = all
  .filter(([key]) => key.startsWith("METRIC_"))
  .map(([, value]) => value as MetricDefinition);

describe("semconv.ts", () => {
  it("names each metric once, also in Prometheus, in lower case with dots", () => {
    const names = metrics.map(prometheusName);
    expect(new Set(names).size).toBe(names.length);
    for (const { name } of metrics) expect(name).toMatch(/^[a-z0-9]+([._][a-z0-9]+)*$/);
  });

  it("describes each metric, and gives buckets to histograms alone, rising", () => {
    for (const { description, unit, type, boundaries } of metrics) {
      expect(description).toMatch(/^[A-Z0-9].*[^.]$/);
      expect(unit).not.toBe("");
      expect(boundaries.length > 0).toBe(type === "histogram");
      expect(boundaries).toEqual(boundaries.toSorted((a, b) => a - b));
    }
  });

  it("has attributes that are names, and metrics' attributes among them", () => {
    const attributes = all.filter(([key]) => key.startsWith("ATTR_")).map(([, value]) => value);
    expect(new Set(attributes).size).toBe(attributes.length);
    for (const attribute of metrics.flatMap((metric) => metric.attributes))
      expect(attributes).toContain(attribute);
  });

  it("has names in Prometheus as its text has them: no unit, _total on counters", () => {
    expect(prometheusName(semconv.METRIC_TRANSITIONS)).toBe("machine_transitions_total");
    expect(prometheusName(semconv.METRIC_LAG)).toBe("replication_lag");
    expect(prometheusLabel(semconv.ATTR_HTTP_RESPONSE_STATUS_CODE)).toBe(
      "http_response_status_code",
    );
  });
});
