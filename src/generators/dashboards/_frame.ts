/** What all dashboards share: variables, links to each other, the time range, and panels in rows. */

import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { METRIC_UPTIME, prometheusName } from "../../telemetry/semconv.ts";
import type { PlacedPanel } from "./_panels.ts";
import { NODE } from "./_promql.ts";
import { PROMETHEUS, promql } from "./_queries.ts";

/** Marks dashboards that link to each other. */
const TAG = "tree-state-source";
const UPTIME = prometheusName(METRIC_UPTIME);

export interface DashboardRow {
  readonly title: string;
  readonly panels: readonly PlacedPanel[];
}

export interface DashboardSpec {
  /** Never changes: links and bookmarks contain it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** `all` lets the reader choose several nodes, initially all; `one` a single node, initially the one named. */
  readonly nodes: "all" | { readonly one: string };
  /** Free text of the reader, by variable name. */
  readonly textBoxes?: Readonly<Record<string, { readonly label: string; readonly value: string }>>;
  /** Panels at the top, without a row title. */
  readonly head: readonly PlacedPanel[];
  readonly rows: readonly DashboardRow[];
}

/** Builds the dashboard; the same spec gives the same JSON, panel ids included. */
export function buildDashboard(spec: DashboardSpec): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags([TAG])
    .timezone("browser")
    .readonly()
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-15m", to: "now" })
    // The collector scrapes every 5 s.
    .refresh("10s")
    .variables(variables(spec))
    .annotation(alertAnnotation())
    .link(
      new DashboardLinkBuilder("Dashboards")
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .includeVars(true)
        .keepTime(true),
    );
  let id = 1;
  let y = 0;
  const add = (panels: readonly PlacedPanel[]) => {
    let x = 0;
    let lineHeight = 0;
    for (const { panel, width, height } of panels) {
      if (x + width > 24) {
        x = 0;
        y += lineHeight;
        lineHeight = 0;
      }
      const placed = { ...panel, id: id++, gridPos: { x, y, w: width, h: height } };
      builder.withPanel({ build: () => placed });
      x += width;
      lineHeight = Math.max(lineHeight, height);
    }
    y += lineHeight;
  };
  add(spec.head);
  for (const row of spec.rows) {
    builder.withRow(new RowBuilder(row.title).id(id++).gridPos({ x: 0, y, w: 24, h: 1 }));
    y += 1;
    add(row.panels);
  }
  return builder.build();
}

function variables(spec: DashboardSpec): Builder<VariableModel>[] {
  const node = new QueryVariableBuilder("node")
    .label("Node")
    .datasource(PROMETHEUS)
    .query(`label_values(${UPTIME}{job=~"$job"}, ${NODE})`)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.NaturalAsc);
  if (spec.nodes === "all") {
    node.multi(true).includeAll(true).allValue(".+").current({ text: "All", value: "$__all" });
  } else {
    node.current({ text: spec.nodes.one, value: spec.nodes.one });
  }
  return [
    dataSource("prometheus"),
    dataSource("loki"),
    dataSource("tempo"),
    new QueryVariableBuilder("job")
      .label("Job")
      .datasource(PROMETHEUS)
      .query(`label_values(${UPTIME}, job)`)
      .refresh(VariableRefresh.OnTimeRangeChanged)
      .current({ text: "tree", value: "tree" }),
    node,
    ...Object.entries(spec.textBoxes ?? {}).map(([name, { label, value }]) =>
      new TextBoxVariableBuilder(name)
        .label(label)
        .defaultValue(value)
        .current({ text: value, value }),
    ),
  ];
}

function dataSource(type: "prometheus" | "loki" | "tempo"): Builder<VariableModel> {
  const label = type[0]!.toUpperCase() + type.slice(1);
  return new DatasourceVariableBuilder(`${type}_datasource`)
    .label(label)
    .type(type)
    .current({ text: label, value: type });
}

/** Marks on every graph while an alert fires. */
function alertAnnotation(): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder()
    .name("Alerts")
    .datasource(PROMETHEUS)
    .enable(true)
    .iconColor("red")
    .expr('ALERTS{alertstate="firing"}')
    .step("10s")
    .titleFormat("{{alertname}}")
    .textFormat("{{service_instance_id}}{{instance}}")
    .target(promql('ALERTS{alertstate="firing"}', { refId: "Alerts" }));
}
