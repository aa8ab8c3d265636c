/**
 * PromQL from the names in semconv.ts, so that a dashboard cannot query a metric or a label that no node
 * sends. Every selector is limited to the dashboard's variables `$job` and `$node`.
 */

import { type MetricDefinition, prometheusLabel, prometheusName } from "../../telemetry/semconv.ts";

/** The label that holds the node's name on every series. */
export const NODE = prometheusLabel("service.instance.id");
/** The label that holds the tier on every series: tree-root, tree-relay, tree-leaf. */
export const TIER = prometheusLabel("service.name");

/** Matchers by attribute (with dots), such as `="live"`, `!~"5.."`. */
export type Matchers = Readonly<Record<string, string>>;

export interface SelectOptions {
  readonly where?: Matchers;
  /** `_bucket`, `_sum` or `_count` of a histogram. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  /** Which nodes: those of `$node` (default), or all nodes of the tree. */
  readonly nodes?: "chosen" | "all";
}

/** Throws RangeError for an attribute that the metric does not have: such a query would never have a result. */
export function select(metric: MetricDefinition, options: SelectOptions = {}): string {
  const { where = {}, suffix = "", nodes = "chosen" } = options;
  const matchers = [`job=~"$job"`, ...(nodes === "chosen" ? [`${NODE}=~"$node"`] : [])];
  for (const [attribute, matcher] of Object.entries(where)) {
    checkAttribute(metric, attribute);
    matchers.push(`${prometheusLabel(attribute)}${matcher}`);
  }
  if ((suffix !== "") !== (metric.type === "histogram")) {
    throw new RangeError(
      `Cannot select "${metric.name}" with suffix "${suffix}": it is a ${metric.type}`,
    );
  }
  return `${prometheusName(metric)}${suffix}{${matchers.join(",")}}`;
}

/** Per-second rate of a counter, or of a histogram's suffix, summed by attributes; without attributes, over all series. */
export function rateBy(
  metric: MetricDefinition,
  by: readonly string[] = [],
  options: SelectOptions = {},
): string {
  return sumBy(metric, by, `rate(${select(metric, options)}[$__rate_interval])`);
}

/** How much a counter rose in each step of a graph, or over the whole time shown, summed by attributes. */
export function increaseBy(
  metric: MetricDefinition,
  by: readonly string[] = [],
  options: SelectOptions & { readonly window?: "$__rate_interval" | "$__range" } = {},
): string {
  const { window = "$__rate_interval" } = options;
  return sumBy(metric, by, `increase(${select(metric, options)}[${window}])`);
}

/** `quantile` (0 to 1) of a histogram, by attributes. */
export function quantileBy(
  quantile: number,
  metric: MetricDefinition,
  by: readonly string[] = [],
  options: SelectOptions = {},
): string {
  const buckets = select(metric, { ...options, suffix: "_bucket" });
  return `histogram_quantile(${quantile}, ${sumBy(metric, ["le", ...by], `rate(${buckets}[$__rate_interval])`)})`;
}

/** Increase per bucket and step: what a heatmap draws. */
export function bucketIncrease(metric: MetricDefinition, options: SelectOptions = {}): string {
  const buckets = select(metric, { ...options, suffix: "_bucket" });
  return sumBy(metric, ["le"], `increase(${buckets}[$__rate_interval])`);
}

/** The same, or a single 0 where there are no series: for values whose absence is good. */
export function orZero(expression: string): string {
  return `(${expression}) or (vector(0) unless on () (${expression}))`;
}

function sumBy(metric: MetricDefinition, by: readonly string[], expression: string): string {
  for (const attribute of by) checkAttribute(metric, attribute);
  const labels = by.map(prometheusLabel).join(", ");
  return labels === "" ? `sum(${expression})` : `sum by (${labels}) (${expression})`;
}

/** Labels that every series has, besides the metric's own attributes. */
const COMMON = ["service.instance.id", "service.name", "tree.level", "instance", "job", "le"];

function checkAttribute(metric: MetricDefinition, attribute: string): void {
  if (COMMON.includes(attribute) || metric.attributes.includes(attribute)) return;
  throw new RangeError(
    `Cannot use "${attribute}" of "${metric.name}": its attributes are ${metric.attributes.join(", ") || "none"}`,
  );
}
