/** Writes metrics as Prometheus text with the serializer of OpenTelemetry's exporter, without its server. */

import { type HrTime, ValueType } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  DataPointType,
  type Histogram as HistogramValue,
  type MetricData,
} from "@opentelemetry/sdk-metrics";
import type { Histogram } from "./histogram.ts";
import type { CollectedMetric, MetricPoint } from "./metric_set.ts";
import {
  ATTR_MACHINE_ID,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_TREE_LEVEL,
} from "./semconv.ts";

export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Resource attributes that become labels of every series, so that queries need no join. */
const CONSTANT_LABELS = new RegExp(
  `^(${[ATTR_SERVICE_NAME, ATTR_SERVICE_INSTANCE_ID, ATTR_TREE_LEVEL, ATTR_MACHINE_ID].join("|").replaceAll(".", "\\.")})$`,
);

const NO_TIME: HrTime = [0, 0];

/** `resource` holds the node's resource attributes. */
export function toPrometheusText(
  metrics: readonly CollectedMetric[],
  resource: Readonly<Record<string, string | number>>,
): string {
  return new PrometheusSerializer(undefined, false, CONSTANT_LABELS, false, true).serialize({
    resource: resourceFromAttributes({ ...resource }),
    scopeMetrics: [{ scope: { name: "tree-state-source" }, metrics: metrics.map(toMetricData) }],
  });
}

function toMetricData({ definition, points }: CollectedMetric): MetricData {
  const { name, description, type } = definition;
  const base = {
    // No unit: the text format has no line for it, and the name must stay as it is.
    descriptor: { name, description, unit: "", valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  if (type === "histogram") {
    const dataPoints = points.map((point) => toPoint(point, toHistogramValue));
    return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints };
  }
  const dataPoints = points.map((point) => toPoint(point, Number));
  return type === "counter"
    ? { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints }
    : { ...base, dataPointType: DataPointType.GAUGE, dataPoints };
}

function toPoint<T>({ attributes, value }: MetricPoint, convert: (value: never) => T) {
  return { startTime: NO_TIME, endTime: NO_TIME, attributes, value: convert(value as never) };
}

function toHistogramValue(value: Histogram): HistogramValue {
  const { boundaries, counts, count, sum } = value;
  return { buckets: { boundaries: [...boundaries], counts: [...counts] }, count, sum };
}
