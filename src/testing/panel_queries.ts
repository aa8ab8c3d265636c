/** Every query of the committed dashboards, alert rules and data sources, with its place. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export type QueryLanguage = "promql" | "logql" | "traceql";

export interface PanelQuery {
  /** `tree.json / Nodes up / A`. */
  readonly where: string;
  readonly language: QueryLanguage;
  /** As written, with Grafana's variables. */
  readonly text: string;
  /** Evaluated only at one point in time. */
  readonly isInstant: boolean;
}

export interface Target {
  readonly refId: string;
  readonly datasource: { readonly type: string; readonly uid: string };
  readonly expr?: string;
  readonly query?: string;
  readonly queryType?: string;
  readonly instant?: boolean;
  readonly exemplar?: boolean;
}

export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly type: string; readonly uid: string };
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly Target[];
  readonly fieldConfig?: {
    readonly defaults: { readonly unit?: string; readonly links?: unknown };
  };
}

export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly editable: boolean;
  readonly panels: readonly PanelJson[];
  readonly templating: {
    readonly list: readonly {
      readonly name: string;
      readonly type: string;
      readonly query: string;
      readonly allValue?: string;
    }[];
  };
  readonly annotations: { readonly list: readonly { readonly target?: Target }[] };
}

export interface AlertRuleYaml {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const FOLDER = fileURLToPath(new URL("../../dashboards/", import.meta.url));

/** The text of a file in `dashboards/`. */
export function readDashboardsFile(path: string): string {
  return readFileSync(FOLDER + path, "utf8");
}

/** The dashboards by file name. */
export function readDashboards(): ReadonlyMap<string, DashboardJson> {
  const names = readdirSync(`${FOLDER}grafana`).sort();
  return new Map(
    names.map((name) => [name, JSON.parse(readDashboardsFile(`grafana/${name}`)) as DashboardJson]),
  );
}

export function readAlertRules(): readonly AlertRuleYaml[] {
  const file = parse(readDashboardsFile("prometheus/alerts.yaml")) as {
    groups: { rules: AlertRuleYaml[] }[];
  };
  return file.groups.flatMap(({ rules }) => rules);
}

/** The queries of all panels, in reading order. */
export function panelQueries(): PanelQuery[] {
  return [...readDashboards()].flatMap(([name, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) =>
      targets.flatMap((target) => {
        const language = languageOf(target);
        if (language === undefined) return [];
        return {
          where: `${name} / ${title} / ${target.refId}`,
          language,
          text: target.expr ?? target.query ?? "",
          isInstant: target.instant ?? false,
        };
      }),
    ),
  );
}

/** The expressions of all alert rules. */
export function alertQueries(): PanelQuery[] {
  return readAlertRules().map(({ alert, expr }) => ({
    where: `alerts.yaml / ${alert}`,
    language: "promql",
    text: expr,
    isInstant: true,
  }));
}

/** Undefined for a target without a query, such as a service map. */
function languageOf(target: Target): QueryLanguage | undefined {
  if (target.queryType === "serviceMap") return undefined;
  const languages = { prometheus: "promql", loki: "logql", tempo: "traceql" } as const;
  return languages[target.datasource.type as keyof typeof languages];
}

/** Values for Grafana's variables, for queries outside of Grafana. */
export interface VariableValues {
  readonly node?: string;
  readonly state?: string;
  readonly rateInterval?: string;
  readonly range?: string;
}

/** Replaces variables by values. Throws a RangeError if one is left. */
export function fillVariables(query: string, values: VariableValues = {}): string {
  const { node = ".+", state = ".*", rateInterval = "20s", range = "5m" } = values;
  const known: Readonly<Record<string, string>> = {
    __rate_interval: rateInterval,
    __range: range,
    __auto: rateInterval,
    job: "tree",
    node,
    state,
  };
  const filled = query.replace(/\$(\w+)/g, (text, name: string) => known[name] ?? text);
  const left = /\$\{?[A-Za-z_]\w*/.exec(filled);
  if (left !== null) throw new RangeError(`Cannot fill "${query}": ${left[0]} has no value`);
  return filled;
}
