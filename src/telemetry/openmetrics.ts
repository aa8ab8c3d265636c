/**
 * Converts Prometheus text to OpenMetrics 1.0 (https://prometheus.io/docs/specs/om/open_metrics_spec/):
 * the same series under the same names, with an exemplar on each bucket that has one.
 */

import type { Exemplar } from "./histogram.ts";
import type { CollectedMetric } from "./metric_set.ts";
import { toSpanContext } from "./trace_context.ts";

export const OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/** Adds the exemplars of `metrics` to `text`, which was written from the same metrics in the same order. */
export function toOpenMetrics(text: string, metrics: readonly CollectedMetric[]): string {
  const exemplars = listExemplars(metrics);
  const lines: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith("#")) lines.push(toMetadata(line));
    else if (!/^\w+_bucket\{/.test(line)) lines.push(line);
    else lines.push(`${toCanonicalLimit(line)}${formatExemplar(exemplars.next().value)}`);
  }
  return `${lines.join("\n")}\n# EOF\n`;
}

/** In OpenMetrics the name of a counter's family has no `_total`; only its series has. */
function toMetadata(line: string): string {
  return line.replace(/^# (HELP|TYPE) (\w+)_total /, "# $1 $2 ");
}

/** OpenMetrics requires a decimal point in a bucket's limit. */
function toCanonicalLimit(line: string): string {
  return line.replace(/le="(\d+)"/, 'le="$1.0"');
}

/** Yields the exemplar of each bucket, in the order of the text. */
function* listExemplars(metrics: readonly CollectedMetric[]): Generator<Exemplar | undefined> {
  for (const { points } of metrics) {
    for (const { value } of points) {
      if (typeof value === "number") continue;
      for (let bucket = 0; bucket < value.counts.length; bucket++) yield value.exemplars[bucket];
    }
  }
}

function formatExemplar(exemplar: Exemplar | undefined | void): string {
  if (exemplar === undefined) return "";
  const { traceId, spanId } = toSpanContext(exemplar.traceContext);
  const seconds = (exemplar.atMs / 1000).toFixed(3);
  return ` # {trace_id="${traceId}",span_id="${spanId}"} ${exemplar.value} ${seconds}`;
}
