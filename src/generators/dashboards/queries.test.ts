import { parser as logqlParser } from "@grafana/lezer-logql";
import { parser as traceqlParser } from "@grafana/lezer-traceql";
import type { Parser } from "@lezer/common";
import { parser as promqlParser } from "@prometheus-io/lezer-promql";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as semconv from "../../telemetry/semconv.ts";
import {
  alertQueries,
  fillVariables,
  type PanelQuery,
  panelQueries,
  type QueryLanguage,
  readDashboards,
  readDashboardsFile,
} from "../../testing/panel_queries.ts";

const PARSERS: Readonly<Record<QueryLanguage, Parser>> = {
  promql: promqlParser,
  logql: logqlParser,
  traceql: traceqlParser,
};

/** The parts of `text` that the grammar does not accept; a missing part is an empty one. */
function syntaxErrors(language: QueryLanguage, text: string): string[] {
  const errors: string[] = [];
  PARSERS[language].parse(text).iterate({
    enter({ type, from, to }) {
      if (type.isError) errors.push(`${from}: ${text.slice(from, to)}`);
    },
  });
  return errors;
}

/** The text of every node of one of the given types. */
function textsOf(language: QueryLanguage, text: string, types: readonly string[]): string[] {
  const found: string[] = [];
  PARSERS[language].parse(text).iterate({
    enter({ type, from, to }) {
      if (types.includes(type.name)) found.push(text.slice(from, to));
    },
  });
  return found;
}

const values: unknown[] = Object.values(semconv);
const METRICS = values.filter(
  (value): value is semconv.MetricDefinition => typeof value === "object" && "unit" in value!,
);
const ATTRIBUTES = Object.entries(semconv)
  .filter(([name]) => name.startsWith("ATTR_"))
  .map(([, value]) => value as string);

/** Series that the nodes do not send: those of Prometheus and of the metrics generator of Tempo. */
const FOREIGN = [
  "up",
  "ALERTS",
  "traces_spanmetrics_latency_bucket",
  "traces_service_graph_request_messaging_system_seconds_bucket",
];
const FOREIGN_LABELS = [
  "job",
  "instance",
  "le",
  "alertstate",
  "span_name",
  "client",
  "server",
  "id",
  "source",
  "target",
];

const KNOWN_SERIES = new Set([
  ...FOREIGN,
  ...METRICS.flatMap((metric) => {
    const name = semconv.prometheusName(metric);
    return metric.type === "histogram"
      ? [`${name}_bucket`, `${name}_sum`, `${name}_count`]
      : [name];
  }),
]);
const KNOWN_LABELS = new Set([
  ...FOREIGN_LABELS,
  ...METRICS.flatMap(({ attributes }) => attributes).map(semconv.prometheusLabel),
  ...["service.instance.id", "service.name", "tree.level"].map(semconv.prometheusLabel),
]);

const QUERIES = [...panelQueries(), ...alertQueries(), ...dataSourceQueries()];

/** The queries of the data sources for the links from a span to metrics or logs. */
function dataSourceQueries(): Pick<PanelQuery, "where" | "language" | "text">[] {
  const text = readDashboardsFile("provisioning/datasources/datasources.yaml");
  // Grafana expands $$ to $, and inserts the attributes of a span as tags.
  const tags = 'service_instance_id="rep-1"';
  const file = parse(
    text
      .replaceAll("$${__tags}", tags)
      .replaceAll("$$__tags", tags)
      .replace("$${__trace.traceId}", "0af7651916cd43dd8448eb211c80319c")
      .replace("$${__value.raw}", "rep-1")
      .replaceAll("$$", "$"),
  );
  const [prometheus, , tempo] = file.datasources;
  return [
    ...tempo.jsonData.tracesToMetrics.queries.map(({ name, query }: Record<string, string>) => ({
      where: `datasources.yaml / ${name}`,
      language: "promql" as const,
      text: query!,
    })),
    ...[tempo.jsonData.tracesToLogsV2.query, prometheus.correlations[0].config.target.expr].map(
      (query: string) => ({
        where: "datasources.yaml / logs",
        language: "logql" as const,
        text: query,
      }),
    ),
  ];
}

describe("queries of dashboards, alerts and data sources", () => {
  it("are of all three languages", () => {
    const counts = { promql: 0, logql: 0, traceql: 0 };
    for (const { language } of QUERIES) counts[language]++;
    expect(counts.promql).toBeGreaterThan(80);
    expect(counts.logql).toBeGreaterThan(6);
    expect(counts.traceql).toBeGreaterThan(3);
  });

  it.each(QUERIES)("parse: $where", ({ language, text }) => {
    expect(syntaxErrors(language, fillVariables(text))).toEqual([]);
  });

  it("name series that the nodes send", () => {
    const unknown = QUERIES.filter(({ language }) => language === "promql").flatMap(
      ({ where, text }) =>
        textsOf("promql", fillVariables(text), ["VectorSelector"])
          .map((selector) => selector.split("{")[0]!.trim())
          .filter((name) => !KNOWN_SERIES.has(name))
          .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it("name labels that these series have", () => {
    const unknown = QUERIES.filter(({ language }) => language === "promql").flatMap(
      ({ where, text }) =>
        textsOf("promql", fillVariables(text), ["LabelName"])
          .filter((label) => !KNOWN_LABELS.has(label))
          .map((label) => `${where}: ${label}`),
    );
    expect(unknown).toEqual([]);
  });

  it("name span and resource attributes that the nodes send", () => {
    const unknown = QUERIES.filter(({ language }) => language === "traceql").flatMap(
      ({ where, text }) =>
        [...text.matchAll(/\b(?:span|resource)\.([\w.]+)/g)]
          .map(([, name]) => name!)
          .filter((name) => !ATTRIBUTES.includes(name))
          .map((name) => `${where}: ${name}`),
    );
    expect(unknown).toEqual([]);
  });

  it("name log fields that the nodes send", () => {
    const known = new Set([
      "severity_text",
      "trace_id",
      ...ATTRIBUTES.map(semconv.prometheusLabel),
    ]);
    const unknown = QUERIES.filter(({ language }) => language === "logql").flatMap(
      ({ where, text }) =>
        textsOf("logql", fillVariables(text), ["Identifier"])
          .filter((label) => !known.has(label))
          .map((label) => `${where}: ${label}`),
    );
    expect(unknown).toEqual([]);
  });

  it("show every metric that the nodes send somewhere", () => {
    const shown = new Set(
      QUERIES.filter(({ language }) => language === "promql").flatMap(({ text }) =>
        textsOf("promql", fillVariables(text), ["VectorSelector"]).map(
          (selector) => selector.split("{")[0]!,
        ),
      ),
    );
    const unseen = METRICS.map(semconv.prometheusName).filter(
      (name) => ![name, `${name}_bucket`, `${name}_sum`, `${name}_count`].some((n) => shown.has(n)),
    );
    expect(unseen).toEqual([]);
  });
});

describe("dashboards", () => {
  const DASHBOARDS = [...readDashboards()];

  it("have unique uids and panel ids", () => {
    const uids = DASHBOARDS.map(([, { uid }]) => uid);
    expect(new Set(uids).size).toBe(uids.length);
    for (const [name, { panels }] of DASHBOARDS) {
      const ids = panels.map(({ id }) => id);
      expect(new Set(ids).size, name).toBe(ids.length);
    }
  });

  it("cannot be edited in Grafana, as the next start would undo the edits", () => {
    expect(DASHBOARDS.filter(([, { editable }]) => editable !== false)).toEqual([]);
  });

  it("have the variables that their queries use, and data sources as variables", () => {
    for (const [name, dashboard] of DASHBOARDS) {
      const variables = dashboard.templating.list.map((variable) => variable.name);
      const used = JSON.stringify(dashboard.panels).matchAll(/\$\{?(\w+)[}.:]?/g);
      const unknown = [...new Set([...used].map(([, variable]) => variable!))].filter(
        (variable) => !variable.startsWith("__") && !variables.includes(variable),
      );
      // In label_replace(), "$1" is a group and not a variable.
      expect(
        unknown.filter((variable) => variable !== "1"),
        name,
      ).toEqual([]);
      for (const { title, targets = [] } of dashboard.panels) {
        for (const { datasource } of targets) {
          expect(datasource.uid, `${name} / ${title}`).toBe(`\${${datasource.type}_datasource}`);
        }
      }
    }
  });

  it("have a description and a query in each panel", () => {
    for (const [name, { panels }] of DASHBOARDS) {
      for (const { type, title, description, targets } of panels) {
        if (type === "row" || type === "text") continue;
        expect(title, name).not.toBe("");
        expect(description ?? "", `${name} / ${title}`).toMatch(/^[A-Z0-9].{9,}/);
        expect(targets?.length ?? 0, `${name} / ${title}`).toBeGreaterThan(0);
      }
    }
  });

  it("place panels side by side, without overlap and within the page", () => {
    for (const [name, { panels }] of DASHBOARDS) {
      const cells = new Map<string, string>();
      for (const { title, gridPos } of panels) {
        expect(gridPos.x + gridPos.w, `${name} / ${title}`).toBeLessThanOrEqual(24);
        for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
          for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
            expect(cells.get(`${x},${y}`), `${name} / ${title}`).toBeUndefined();
            cells.set(`${x},${y}`, title);
          }
        }
      }
    }
  });

  it("link only to existing dashboards", () => {
    const uids = DASHBOARDS.map(([, { uid }]) => uid);
    const texts = [
      ...DASHBOARDS.map(([, dashboard]) => JSON.stringify(dashboard)),
      readDashboardsFile("prometheus/alerts.yaml"),
    ];
    const linked = texts.flatMap((text) => [...text.matchAll(/\/d\/([\w-]+)/g)]).map((m) => m[1]);
    expect(linked.length).toBeGreaterThan(5);
    expect(linked.filter((uid) => !uids.includes(uid!))).toEqual([]);
  });
});
