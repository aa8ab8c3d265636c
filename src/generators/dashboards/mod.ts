/**
 * Grafana dashboards and alert rules, made of the names in semconv.ts.
 *
 * @module
 */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { renderAlertRules } from "./alerts.ts";
import { flightsDashboard } from "./flights.ts";
import { nodeDashboard } from "./node.ts";
import { transitionsDashboard } from "./transitions.ts";
import { treeDashboard } from "./tree.ts";

/** Every dashboard, in reading order. */
export function allDashboards(): Dashboard[] {
  return [treeDashboard(), nodeDashboard(), flightsDashboard(), transitionsDashboard()];
}

/** The text of a dashboard as it is committed and as Grafana reads it. */
export function renderDashboard(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

/** Every generated file, by path from the project's root. */
export function renderDashboardFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const dashboard of allDashboards()) {
    files.set(
      `dashboards/grafana/${dashboard.title!.toLowerCase()}.json`,
      renderDashboard(dashboard),
    );
  }
  return files.set("dashboards/prometheus/alerts.yaml", renderAlertRules());
}
