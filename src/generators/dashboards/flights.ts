/** The dashboard of the domain: the flights as one node shows them. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  ATTR_FEED,
  ATTR_FLIGHT,
  ATTR_RESULT,
  METRIC_FEED_MUTATIONS,
  METRIC_FLIGHT_CHANGES,
  METRIC_FLIGHT_GATE,
  METRIC_FLIGHT_STATUS,
  METRIC_STATES_ACTIVE,
  METRIC_STATES_KNOWN,
  SERVICE_NAMESPACE,
} from "../../telemetry/semconv.ts";
import { buildDashboard } from "./_frame.ts";
import { FLIGHT_LINK, UID_FLIGHTS } from "./_links.ts";
import { logs, stat, stateTimeline, text, timeSeries } from "./_panels.ts";
import { increaseBy, rateBy, select } from "./_promql.ts";
import { logLines, promql } from "./_queries.ts";

/** In the order of the values of METRIC_FLIGHT_STATUS. */
const STATUSES = [
  ["free", "text"],
  ["OnTime", "green"],
  ["Delayed", "orange"],
  ["Departed", "blue"],
  ["Arrived", "purple"],
  ["Scheduled", "dark-yellow"],
] as const;
/** Gates beyond this many are shown by number. */
const GATE_COLORS = ["text", "blue", "green", "orange", "purple", "red"] as const;

const BY_FLIGHT = { legend: `{{${ATTR_FLIGHT}}}` };

export function flightsDashboard(): Dashboard {
  return buildDashboard({
    uid: UID_FLIGHTS,
    title: "Flights",
    description: "The flights as one node shows them: status, gate, activity.",
    nodes: { one: "root" },
    head: [
      text(
        "",
        "**What do the flights do?** As $node shows them; choose a leaf above to see them as its clients do. A click on a flight leads to its transitions and their traces. Each line is a slot that real flights take in turn.",
      ),
      ...counts(),
    ],
    rows: [
      { title: "Timeline", panels: timeline() },
      { title: "Activity", panels: activity() },
      { title: "What was said", panels: said() },
    ],
  });
}

function counts() {
  const status = select(METRIC_FLIGHT_STATUS);
  return [
    ...STATUSES.slice(1).map(([name], index) =>
      stat({
        title: name,
        description: `Flights that are ${name} now.`,
        targets: [promql(`sum(${status} == bool ${index + 1})`)],
        width: 4,
      }),
    ),
    stat({
      title: "Active states",
      description: "Active states, and states in the schema.",
      targets: [
        promql(`max(${select(METRIC_STATES_ACTIVE)})`, { legend: "active" }),
        promql(`max(${select(METRIC_STATES_KNOWN)})`, { legend: "known" }),
      ],
      width: 4,
    }),
  ];
}

function timeline() {
  return [
    stateTimeline({
      title: "Status",
      description: "Status of each flight over time.",
      targets: [promql(`max by (${ATTR_FLIGHT}) (${select(METRIC_FLIGHT_STATUS)})`, BY_FLIGHT)],
      mappings: numbered(STATUSES),
      links: FLIGHT_LINK,
    }),
    stateTimeline({
      title: "Gate",
      description: "Gate of each flight over time, by its position among the gates.",
      targets: [promql(`max by (${ATTR_FLIGHT}) (${select(METRIC_FLIGHT_GATE)})`, BY_FLIGHT)],
      mappings: numbered(
        GATE_COLORS.map(
          (color, index) => [index === 0 ? "unknown" : String(index), color] as const,
        ),
      ),
      links: FLIGHT_LINK,
    }),
  ];
}

function activity() {
  return [
    timeSeries({
      title: "Changes by flight",
      description: "State changes of each flight per second.",
      targets: [promql(rateBy(METRIC_FLIGHT_CHANGES, [ATTR_FLIGHT]), BY_FLIGHT)],
      links: FLIGHT_LINK,
      unit: "ops",
      min: 0,
    }),
    timeSeries({
      title: "Mutations by the feed",
      description: "What the feed did at the root, by result.",
      targets: [
        promql(rateBy(METRIC_FEED_MUTATIONS, [ATTR_FEED, ATTR_RESULT], { nodes: "all" }), {
          legend: `{{${ATTR_FEED}}} {{${ATTR_RESULT}}}`,
        }),
      ],
      unit: "ops",
      min: 0,
    }),
    timeSeries({
      title: "Busiest flights",
      description: "The five flights with the most changes in the time shown.",
      targets: [
        promql(
          `topk(5, ${increaseBy(METRIC_FLIGHT_CHANGES, [ATTR_FLIGHT], { window: "$__range" })})`,
          BY_FLIGHT,
        ),
      ],
      min: 0,
    }),
    timeSeries({
      title: "Active states",
      description: "Active states over time.",
      targets: [promql(`max(${select(METRIC_STATES_ACTIVE)})`, { legend: "active" })],
      min: 0,
    }),
  ];
}

function said() {
  return [
    logs({
      title: "The feed",
      description: "Log records of the feed and of the transitions that it caused.",
      targets: [
        logLines(`{service_namespace="${SERVICE_NAMESPACE}"} | event_name=~"feed.*|transition.*"`),
      ],
    }),
  ];
}

function numbered(entries: readonly (readonly [string, string])[]) {
  return Object.fromEntries(entries.map((entry, index) => [String(index), entry]));
}
