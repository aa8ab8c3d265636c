/** Queries to one data source each, as targets of a panel. Data sources are variables of the dashboard. */

import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import type { DataSourceRef } from "@grafana/grafana-foundation-sdk/common";
import { DataqueryBuilder as LokiQuery } from "@grafana/grafana-foundation-sdk/loki";
import {
  DataqueryBuilder as PrometheusQuery,
  PromQueryFormat,
} from "@grafana/grafana-foundation-sdk/prometheus";
import {
  SearchTableType,
  DataqueryBuilder as TempoQuery,
} from "@grafana/grafana-foundation-sdk/tempo";

import {
  ATTR_MUTATION_STATES,
  ATTR_MUTATION_TYPE,
  ATTR_REJECTED_BY,
  prometheusLabel,
} from "../../telemetry/semconv.ts";

export const PROMETHEUS: DataSourceRef = { type: "prometheus", uid: "${prometheus_datasource}" };
export const LOKI: DataSourceRef = { type: "loki", uid: "${loki_datasource}" };
export const TEMPO: DataSourceRef = { type: "tempo", uid: "${tempo_datasource}" };

export interface PromqlOptions {
  /** Name of each series, with `{{label}}`; by default the value's labels. */
  readonly legend?: string;
  readonly refId?: string;
  /** `range` is over time (default), `instant` the current value, `heatmap` buckets, `table` all current labels. */
  readonly as?: "range" | "instant" | "heatmap" | "table";
  /** Whether to show exemplars, each a link to a trace. */
  readonly exemplar?: boolean;
}

export function promql(expr: string, options: PromqlOptions = {}): Builder<Dataquery> {
  const { legend = "__auto", refId, as = "range", exemplar } = options;
  const query = new PrometheusQuery().datasource(PROMETHEUS).expr(expr).legendFormat(legend);
  if (refId !== undefined) query.refId(refId);
  if (exemplar) query.exemplar(true);
  if (as === "instant") return query.instant();
  if (as === "table") return query.instant().format(PromQueryFormat.Table);
  if (as === "heatmap") return query.range().format(PromQueryFormat.Heatmap);
  return query.range();
}

/** Parts of a log line: its node, what happened, and the fields that say where and why. */
const LINE = [
  "{{.service_instance_id}}",
  "{{__line__}}",
  `{{.${prometheusLabel(ATTR_MUTATION_TYPE)}}}`,
  `{{.${prometheusLabel(ATTR_MUTATION_STATES)}}}`,
  `{{.${prometheusLabel(ATTR_REJECTED_BY)}}}`,
  "{{.upstream}}",
  "{{.downstream}}",
  "{{.reason}}",
].join(" ");

/** Log lines of a stream selector and filters. */
export function logLines(expr: string): Builder<Dataquery> {
  return logql(`${expr} | line_format "${LINE}"`);
}

/** Log lines, or with `legend` numbers computed from them. */
export function logql(expr: string, options: { legend?: string } = {}): Builder<Dataquery> {
  const query = new LokiQuery().datasource(LOKI).expr(expr).queryType("range");
  return options.legend === undefined
    ? query.maxLines(200)
    : query.legendFormat(options.legend).step("$__auto");
}

/** A search for traces, or for their spans, newest first. */
export function traceql(
  query: string,
  options: { rows?: "traces" | "spans"; limit?: number } = {},
): Builder<Dataquery> {
  const { rows = "traces", limit = 20 } = options;
  return new TempoQuery()
    .datasource(TEMPO)
    .queryType("traceql")
    .query(query)
    .limit(limit)
    .spss(3)
    .tableType(rows === "traces" ? SearchTableType.Traces : SearchTableType.Spans);
}

/** Which service calls which, from the metrics that Tempo computes from spans. */
export function serviceMap(): Builder<Dataquery> {
  return new TempoQuery().datasource(TEMPO).queryType("serviceMap").serviceMapQuery("{}").limit(20);
}
