/** Where a click on a series leads. `${__field.labels.x}` is the label of the series clicked. */

import { ATTR_FLIGHT, SERVICE_NAMESPACE } from "../../telemetry/semconv.ts";
import { NODE } from "./_promql.ts";

export const UID_TREE = "tst-tree";
export const UID_NODE = "tst-node";
export const UID_FLIGHTS = "tst-flights";
export const UID_TRANSITIONS = "tst-transitions";

const RANGE = "${__url_time_range}";

/** The dashboard of the node that the series belongs to. */
export const NODE_LINK = {
  "Open ${__field.labels.service_instance_id}": `/d/${UID_NODE}?var-node=\${__field.labels.${NODE}}&${RANGE}`,
};

/** As {@linkcode NODE_LINK}, for the row of a table. */
export const NODE_CELL_LINK = {
  id: "links",
  value: [{ title: "Open this node", url: `/d/${UID_NODE}?var-node=\${__value.text}&${RANGE}` }],
};

/** The traces of transitions whose mutations name states of the flight that the series belongs to. */
export const FLIGHT_LINK = {
  // Flight1[A-Z].*: the states of Flight1, and not those of Flight10.
  "Transitions of ${__field.labels.flight}": `/d/${UID_TRANSITIONS}?var-state=\${__field.labels.${ATTR_FLIGHT}}%5BA-Z%5D.*&${RANGE}`,
};

/** The log lines of one node around the time shown. */
export const NODE_LOGS_LINK = {
  "Logs of ${__field.labels.service_instance_id}": exploreLogs(
    `{service_namespace="${SERVICE_NAMESPACE}", ${NODE}="\${__field.labels.${NODE}}"}`,
  ),
};

/** Grafana's Explore with a LogQL query. */
export function exploreLogs(expr: string): string {
  const pane = {
    datasource: "${loki_datasource}",
    queries: [{ refId: "A", expr, datasource: { type: "loki", uid: "${loki_datasource}" } }],
    range: { from: "${__from}", to: "${__to}" },
  };
  return `/explore?schemaVersion=1&orgId=1&panes=${encodePane({ logs: pane })}`;
}

/** Encodes all but `${…}`: Grafana inserts the variables before it opens the link. */
function encodePane(panes: unknown): string {
  return JSON.stringify(panes)
    .split(/(\$\{[^}]+\})/)
    .map((part, index) => (index % 2 === 1 ? part : encodeURIComponent(part)))
    .join("");
}
