/** The first dashboard: whether the whole tree is well, and if not, where. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  ATTR_KIND,
  ATTR_REASON,
  ATTR_RESULT,
  ATTR_SERVICE_INSTANCE_ID,
  ATTR_SERVICE_NAME,
  ATTR_STATUS,
  METRIC_CLOCK_AGE,
  METRIC_COALESCED,
  METRIC_CPU_TIME,
  METRIC_ERRORS,
  METRIC_EVENTLOOP_UTILIZATION,
  METRIC_FORWARDED,
  METRIC_HOP_LAG,
  METRIC_HTTP_DURATION,
  METRIC_LAG,
  METRIC_LINK_STATUS,
  METRIC_MEMORY_USAGE,
  METRIC_PUSHES,
  METRIC_RECONNECTS,
  METRIC_RESYNCS,
  METRIC_SENT,
  METRIC_TRANSIT,
  METRIC_TRANSITIONS,
  SERVICE_NAMES,
  SERVICE_NAMESPACE,
} from "../../telemetry/semconv.ts";
import { buildDashboard } from "./_frame.ts";
import { NODE_LINK, NODE_LOGS_LINK, UID_TREE } from "./_links.ts";
import { logs, nodeGraph, stat, text, timeSeries } from "./_panels.ts";
import { increaseBy, NODE, orZero, quantileBy, rateBy, select, TIER } from "./_promql.ts";
import { logLines, promql, serviceMap, TEMPO } from "./_queries.ts";
import { treePicture } from "./_tree_picture.ts";

const ALL = { nodes: "all" } as const;
const BY_NODE = { legend: `{{${NODE}}}` };
const BY_TIER = { legend: `{{${TIER}}}` };
const CANCELED = { [ATTR_RESULT]: '="canceled"' };

export function treeDashboard(): Dashboard {
  return buildDashboard({
    uid: UID_TREE,
    title: "Tree",
    description: "The whole tree at a glance: who is up, how far behind, what flows, what fails.",
    nodes: "all",
    head: [
      text(
        "",
        "**Is the tree well?** Read from left to right, and click what is red: it leads to the node. *Clock age* is how long ago a node last had proof of being up to date with the root, *lag* how long a change took to get there.",
      ),
      ...wellness(),
    ],
    rows: [
      { title: "The tree", panels: treePicture() },
      { title: "What flows", panels: flow() },
      { title: "What fails", panels: trouble() },
      { title: "What it costs", panels: cost() },
      { title: "What was said", panels: said() },
    ],
  });
}

function wellness() {
  const live = select(METRIC_LINK_STATUS, {
    nodes: "all",
    where: { [ATTR_SERVICE_NAME]: `="${SERVICE_NAMES.leaf}"`, [ATTR_STATUS]: '="live"' },
  });
  const canceled = rateBy(METRIC_TRANSITIONS, [], { nodes: "all", where: CANCELED });
  return [
    stat({
      title: "Nodes up",
      description: "Nodes whose /metrics responds. The default tree has nine.",
      targets: [promql('sum(up{job=~"$job"})')],
      steps: [["red"], ["yellow", 1], ["green", 9]],
    }),
    stat({
      title: "Nodes down",
      description: "Nodes that are scraped and do not respond.",
      targets: [promql(orZero('sum(up{job=~"$job"} == bool 0)'))],
      steps: [["green"], ["red", 1]],
    }),
    stat({
      title: "Leaves live",
      description: "Leaves whose link upstream is live. The default tree has six.",
      targets: [promql(`sum(${live})`)],
      steps: [["red"], ["yellow", 1], ["green", 6]],
    }),
    stat({
      title: "Oldest clock",
      description: "Largest clock age of all nodes; from 5 s, /readyz of that node responds 503.",
      targets: [promql(`max(${select(METRIC_CLOCK_AGE, ALL)})`)],
      unit: "s",
      steps: [["green"], ["yellow", 1.5], ["red", 5]],
    }),
    stat({
      title: "Lag, p99",
      description: "99th percentile of the time from a change at the root to its application.",
      targets: [promql(quantileBy(0.99, METRIC_LAG, [], ALL))],
      unit: "s",
      steps: [["green"], ["yellow", 0.5], ["red", 2]],
    }),
    stat({
      title: "Transitions",
      description: "Transitions a second at the root.",
      targets: [promql(rateBy(METRIC_TRANSITIONS, [], ALL))],
      unit: "ops",
    }),
    stat({
      title: "Canceled",
      description: "Part of the transitions that were canceled. An alert fires above a quarter.",
      targets: [promql(`${canceled} / ${rateBy(METRIC_TRANSITIONS, [], ALL)}`)],
      unit: "percentunit",
      steps: [["green"], ["yellow", 0.1], ["red", 0.25]],
    }),
    stat({
      title: "Alerts",
      description: "Alerts that fire now. Alerting → Alert rules lists them all.",
      targets: [promql(orZero('count(ALERTS{alertstate="firing"})'))],
      steps: [["green"], ["red", 1]],
    }),
  ];
}

function flow() {
  return [
    timeSeries({
      title: "Transitions at the root",
      description: "By result. What is canceled has a reason: dashboard Transitions.",
      targets: [
        promql(rateBy(METRIC_TRANSITIONS, [ATTR_RESULT], ALL), { legend: `{{${ATTR_RESULT}}}` }),
      ],
      unit: "ops",
      min: 0,
    }),
    timeSeries({
      title: "Lag from root to leaf",
      description:
        "Time from a change at the root to its application on relays and leaves, by the wall clocks of both.",
      targets: [0.5, 0.99].map((q) =>
        promql(quantileBy(q, METRIC_LAG, [ATTR_SERVICE_NAME], ALL), {
          legend: `{{${TIER}}} p${q * 100}`,
        }),
      ),
      unit: "s",
      min: 0,
      steps: [["green"], ["red", 2]],
    }),
    timeSeries({
      title: "Messages down",
      description:
        "What publishers push, by kind. Snapshots are only for new downstreams and resyncs.",
      targets: [promql(rateBy(METRIC_PUSHES, [ATTR_KIND], ALL), { legend: `{{${ATTR_KIND}}}` })],
      unit: "mps",
      min: 0,
    }),
    timeSeries({
      title: "Time to push, p99",
      description: "Time from a change of a node's clock to the push that sends it, by tier.",
      targets: [promql(quantileBy(0.99, METRIC_HOP_LAG, [ATTR_SERVICE_NAME], ALL), BY_TIER)],
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "On the way, p99",
      description:
        "Time that a diff was in transit from the upstream node, measured only by monotonic clocks: never too low.",
      targets: [promql(quantileBy(0.99, METRIC_TRANSIT, [ATTR_SERVICE_NAME], ALL), BY_TIER)],
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "Hop delay of sampled diffs, p99",
      description:
        "Time from the end of a push to the start of its application, from traces. Each dot is one: click it for its trace.",
      targets: [
        promql(
          "histogram_quantile(0.99, sum by (le, client, server) (rate(traces_service_graph_request_messaging_system_seconds_bucket[$__rate_interval])))",
          { legend: "{{client}} to {{server}}", exemplar: true },
        ),
      ],
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "Bytes down",
      description: "Bytes a second written to downstreams, by tier.",
      targets: [promql(rateBy(METRIC_SENT, [ATTR_SERVICE_NAME], ALL), BY_TIER)],
      unit: "Bps",
      min: 0,
    }),
    timeSeries({
      title: "Merged diffs",
      description:
        "Seqs a second that were merged into a later diff: what push intervals and slow downstreams save.",
      targets: [promql(rateBy(METRIC_COALESCED, [ATTR_SERVICE_NAME], ALL), BY_TIER)],
      unit: "ops",
      min: 0,
    }),
    timeSeries({
      title: "Requests",
      description: "HTTP requests a second, by tier; clients use the leaves.",
      targets: [
        promql(
          rateBy(METRIC_HTTP_DURATION, [ATTR_SERVICE_NAME], { ...ALL, suffix: "_count" }),
          BY_TIER,
        ),
      ],
      unit: "reqps",
      min: 0,
    }),
    timeSeries({
      title: "Mutations forwarded up",
      description: "Mutations that nodes sent upstream, by result.",
      targets: [
        promql(orZero(rateBy(METRIC_FORWARDED, [ATTR_RESULT], ALL)), {
          legend: `{{${ATTR_RESULT}}}`,
        }),
      ],
      unit: "ops",
      min: 0,
    }),
  ];
}

function trouble() {
  return [
    timeSeries({
      title: "Resyncs",
      description: "Snapshots requested because a message could not be applied, by reason.",
      targets: [
        promql(orZero(increaseBy(METRIC_RESYNCS, [ATTR_REASON], ALL)), {
          legend: `{{${ATTR_REASON}}}`,
        }),
      ],
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Reconnects",
      description: "Links restored after a loss, by node.",
      targets: [
        promql(orZero(increaseBy(METRIC_RECONNECTS, [ATTR_SERVICE_INSTANCE_ID], ALL)), BY_NODE),
      ],
      min: 0,
      width: 8,
      links: NODE_LINK,
    }),
    timeSeries({
      title: "Errors",
      description: "Errors of the machine, and 5xx responses, a second.",
      targets: [
        promql(orZero(rateBy(METRIC_ERRORS, [], ALL)), { legend: "machine" }),
        promql(
          orZero(
            rateBy(METRIC_HTTP_DURATION, [], {
              ...ALL,
              suffix: "_count",
              where: { "http.response.status_code": '=~"5.."' },
            }),
          ),
          { legend: "HTTP 5xx" },
        ),
      ],
      unit: "ops",
      min: 0,
      width: 8,
    }),
  ];
}

function cost() {
  return [
    timeSeries({
      title: "CPU",
      description: "Cores in use, by node.",
      targets: [promql(rateBy(METRIC_CPU_TIME, [ATTR_SERVICE_INSTANCE_ID]), BY_NODE)],
      min: 0,
      width: 8,
      links: { ...NODE_LINK, ...NODE_LOGS_LINK },
    }),
    timeSeries({
      title: "Memory",
      description: "Resident memory, by node.",
      targets: [promql(select(METRIC_MEMORY_USAGE), BY_NODE)],
      unit: "bytes",
      min: 0,
      width: 8,
      links: { ...NODE_LINK, ...NODE_LOGS_LINK },
    }),
    timeSeries({
      title: "Event loop in use",
      description:
        "Part of the time in which the event loop was busy; near 1, it is the bottleneck.",
      targets: [promql(select(METRIC_EVENTLOOP_UTILIZATION), BY_NODE)],
      unit: "percentunit",
      min: 0,
      max: 1,
      width: 8,
      links: { ...NODE_LINK, ...NODE_LOGS_LINK },
    }),
  ];
}

function said() {
  return [
    logs({
      title: "Warnings and errors",
      description: "Of the nodes chosen above.",
      targets: [
        logLines(
          `{service_namespace="${SERVICE_NAMESPACE}", ${NODE}=~"$node"} | severity_text=~"(?i)warn|error"`,
        ),
      ],
      width: 12,
      height: 12,
    }),
    nodeGraph({
      title: "Service graph",
      description:
        "Tiers and who calls whom, from sampled traces: requests a second, and their duration in seconds.",
      targets: [serviceMap()],
      source: TEMPO,
    }),
  ];
}
