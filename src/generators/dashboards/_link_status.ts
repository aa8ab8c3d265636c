/** The status of each node's link over time, one line per node: the same panel on two dashboards. */

import { ATTR_STATUS, METRIC_LINK_STATUS } from "../../telemetry/semconv.ts";
import { NODE_LINK } from "./_links.ts";
import { type PlacedPanel, stateTimeline } from "./_panels.ts";
import { NODE, type SelectOptions, select } from "./_promql.ts";
import { promql } from "./_queries.ts";

/** Statuses from worst to best; a status is drawn as its position, from 1. */
const STATUSES = [
  ["closed", "red"],
  ["connecting", "orange"],
  ["syncing", "yellow"],
  ["stale", "purple"],
  ["live", "green"],
] as const;

export function linkStatusPanel(nodes: NonNullable<SelectOptions["nodes"]>): PlacedPanel {
  const places = STATUSES.map(([status], index) => {
    const series = select(METRIC_LINK_STATUS, { nodes, where: { [ATTR_STATUS]: `="${status}"` } });
    return `${series} * ${index + 1}`;
  });
  return stateTimeline({
    title: nodes === "all" ? "Links upstream" : "Link upstream",
    description: "Status of each node's link upstream over time. The root has none.",
    targets: [promql(`max by (${NODE}) (${places.join(" or ")})`, { legend: `{{${NODE}}}` })],
    mappings: Object.fromEntries(
      STATUSES.map(([status, color], index) => [String(index + 1), [status, color] as const]),
    ),
    width: 24,
    height: nodes === "all" ? 8 : 4,
    links: NODE_LINK,
  });
}
