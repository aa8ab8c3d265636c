/** The kinds of panels on the dashboards, all in one style. */

import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import {
  BigValueColorMode,
  BigValueGraphMode,
  type DataSourceRef,
  LegendDisplayMode,
  LegendPlacement,
  LogsSortOrder,
  ReduceDataOptionsBuilder,
  SortOrder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type DashboardLink,
  DashboardLinkBuilder,
  type DataTransformerConfig,
  type DynamicConfigValue,
  MappingType,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMap,
} from "@grafana/grafana-foundation-sdk/dashboard";
import {
  HeatmapColorMode,
  HeatmapColorOptionsBuilder,
  PanelBuilder as HeatmapPanel,
  YAxisConfigBuilder,
} from "@grafana/grafana-foundation-sdk/heatmap";
import { PanelBuilder as LogsPanel } from "@grafana/grafana-foundation-sdk/logs";
import { PanelBuilder as NodeGraphPanel } from "@grafana/grafana-foundation-sdk/nodegraph";
import { PanelBuilder as StatPanel } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as StateTimelinePanel } from "@grafana/grafana-foundation-sdk/statetimeline";
import { PanelBuilder as TablePanel } from "@grafana/grafana-foundation-sdk/table";
import { TextMode, PanelBuilder as TextPanel } from "@grafana/grafana-foundation-sdk/text";
import { PanelBuilder as TimeSeriesPanel } from "@grafana/grafana-foundation-sdk/timeseries";
import { LOKI, PROMETHEUS, TEMPO } from "./_queries.ts";

/** A panel without a position; the widths in a line add up to 24. */
export interface PlacedPanel {
  readonly panel: Panel;
  /** 1 to 24. */
  readonly width: number;
  /** In grid units of about 30 pixels. */
  readonly height: number;
}

/** A colour and the value from which it applies; the first step has none. */
export type Step = readonly [color: "green" | "yellow" | "red" | "blue" | "text", from?: number];

export interface PanelSpec {
  readonly title: string;
  /** What it shows and when to worry; Grafana shows it on hover. */
  readonly description: string;
  readonly targets: readonly Builder<Dataquery>[];
  readonly width?: number;
  readonly height?: number;
  /** Grafana unit id: `s`, `bytes`, `ops`, `percentunit`, `short` … */
  readonly unit?: string;
  readonly min?: number;
  readonly max?: number;
  readonly steps?: readonly Step[];
  readonly mappings?: Readonly<Record<string, readonly [text: string, color: string]>>;
  readonly transformations?: readonly DataTransformerConfig[];
  /** Properties of fields by name, such as a column's unit. */
  readonly overrides?: Readonly<Record<string, readonly DynamicConfigValue[]>>;
  /** Where a click on a series leads, by title. */
  readonly links?: Readonly<Record<string, string>>;
}

/** Lines over time, one per series, with the last and the largest value in the legend. */
export function timeSeries(spec: PanelSpec): PlacedPanel {
  const panel = new TimeSeriesPanel()
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(["lastNotNull", "max"]),
    );
  return place(panel, spec, PROMETHEUS, { width: 12, height: 8 });
}

/** The current number, coloured by its thresholds, with a sparkline for range queries. */
export function stat(spec: PanelSpec): PlacedPanel {
  const panel = new StatPanel()
    .graphMode(BigValueGraphMode.Area)
    .colorMode(BigValueColorMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]));
  return place(panel, spec, PROMETHEUS, { width: 3, height: 4 });
}

/** Current labels and values. */
export function table(spec: PanelSpec & { readonly source?: DataSourceRef }): PlacedPanel {
  return place(new TablePanel(), spec, spec.source ?? PROMETHEUS, { width: 24, height: 9 });
}

/** The distribution of values over time, from the buckets of a histogram. */
export function heatmap(spec: PanelSpec): PlacedPanel {
  const panel = new HeatmapPanel()
    .color(new HeatmapColorOptionsBuilder().mode(HeatmapColorMode.Scheme).scheme("Blues"))
    .yAxis(new YAxisConfigBuilder().unit(spec.unit ?? "s"))
    .exemplarsColor("orange");
  return place(panel, spec, PROMETHEUS, { width: 12, height: 8 });
}

/** Which of a few values each series had over time. */
export function stateTimeline(spec: PanelSpec): PlacedPanel {
  const panel = new StateTimelinePanel()
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.85)
    .fillOpacity(80)
    .lineWidth(0);
  return place(panel, spec, PROMETHEUS, { width: 24, height: 10 });
}

/** Log lines, newest first, each with a link to its trace if it has one. */
export function logs(spec: PanelSpec): PlacedPanel {
  const panel = new LogsPanel()
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(LogsSortOrder.Descending);
  return place(panel, spec, LOKI, { width: 24, height: 9 });
}

/** Traces found by TraceQL; a click on an id opens the trace. */
export function traces(spec: PanelSpec): PlacedPanel {
  return place(new TablePanel(), spec, TEMPO, { width: 24, height: 9 });
}

/** Nodes and edges. */
export function nodeGraph(spec: PanelSpec & { readonly source?: DataSourceRef }): PlacedPanel {
  return place(new NodeGraphPanel(), spec, spec.source ?? PROMETHEUS, { width: 12, height: 12 });
}

/** Markdown that explains the dashboard. */
export function text(title: string, content: string): PlacedPanel {
  const panel = new TextPanel().title(title).mode(TextMode.Markdown).content(content);
  return { panel: panel.build(), width: 24, height: 3 };
}

/** What all panel builders of the SDK share; the SDK has no type for it. */
interface AnyPanel extends Builder<Panel> {
  title(title: string): this;
  description(description: string): this;
  datasource(source: DataSourceRef): this;
  targets(targets: Builder<Dataquery>[]): this;
  unit(unit: string): this;
  min(min: number): this;
  max(max: number): this;
  thresholds(thresholds: ThresholdsConfigBuilder): this;
  mappings(mappings: ValueMap[]): this;
  transformations(transformations: DataTransformerConfig[]): this;
  overrideByName(name: string, properties: DynamicConfigValue[]): this;
  dataLinks(links: Builder<DashboardLink>[]): this;
}

function place(
  panel: AnyPanel,
  spec: PanelSpec,
  source: DataSourceRef,
  size: { readonly width: number; readonly height: number },
): PlacedPanel {
  panel.title(spec.title).description(spec.description).datasource(source);
  panel.targets(spec.targets.map(withRefId));
  if (spec.unit !== undefined) panel.unit(spec.unit);
  if (spec.min !== undefined) panel.min(spec.min);
  if (spec.max !== undefined) panel.max(spec.max);
  if (spec.steps !== undefined) panel.thresholds(thresholds(spec.steps));
  if (spec.mappings !== undefined) panel.mappings([valueMap(spec.mappings)]);
  if (spec.transformations !== undefined) panel.transformations([...spec.transformations]);
  for (const [name, properties] of Object.entries(spec.overrides ?? {})) {
    panel.overrideByName(name, [...properties]);
  }
  if (spec.links !== undefined) panel.dataLinks(Object.entries(spec.links).map(dataLink));
  const built = panel.build();
  return { panel: built, width: spec.width ?? size.width, height: spec.height ?? size.height };
}

function dataLink([title, url]: [string, string]): Builder<DashboardLink> {
  return new DashboardLinkBuilder(title).url(url);
}

/** Each target of a panel needs a unique name: A, B, C … where it has none. */
function withRefId(target: Builder<Dataquery>, index: number): Builder<Dataquery> {
  const query = target.build() as Dataquery & { refId?: string };
  query.refId ??= String.fromCharCode(65 + index);
  return { build: () => query };
}

function thresholds(steps: readonly Step[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps(steps.map(([color, value]) => ({ color, value: value ?? null })));
}

function valueMap(mappings: NonNullable<PanelSpec["mappings"]>): ValueMap {
  return {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(mappings).map(([value, [shown, color]], index) => [
        value,
        { text: shown, color, index },
      ]),
    ),
  };
}
