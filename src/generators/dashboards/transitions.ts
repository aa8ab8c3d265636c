/** The dashboard of transitions: rates, durations, reasons, and links to traces. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  ATTR_MUTATION_STATES,
  ATTR_MUTATION_TYPE,
  ATTR_REJECTED_BY,
  ATTR_RESULT,
  ATTR_TRANSITION_RESULT,
  ATTR_TYPE,
  ATTR_VERSION,
  METRIC_HANDLER_DURATION,
  METRIC_QUEUE_LENGTH,
  METRIC_QUEUE_WAIT,
  METRIC_SUBSCRIPTIONS,
  METRIC_TRANSITION_DURATION,
  METRIC_TRANSITIONS,
  SERVICE_NAMESPACE,
  SPAN_TRANSITION,
} from "../../telemetry/semconv.ts";
import { buildDashboard } from "./_frame.ts";
import { UID_TRANSITIONS } from "./_links.ts";
import { heatmap, logs, stat, text, timeSeries, traces } from "./_panels.ts";
import { bucketIncrease, quantileBy, rateBy, select } from "./_promql.ts";
import { logLines, logql, promql, traceql } from "./_queries.ts";

const SPAN = `span:name = "${SPAN_TRANSITION}"`;
const SELECTED = [ATTR_MUTATION_TYPE, ATTR_MUTATION_STATES, ATTR_TRANSITION_RESULT, ATTR_VERSION]
  .map((attribute) => `span.${attribute}`)
  .join(", ");
const LOGS = `{service_namespace="${SERVICE_NAMESPACE}"}`;
const BY_RESULT = { legend: `{{${ATTR_RESULT}}}` };

export function transitionsDashboard(): Dashboard {
  return buildDashboard({
    uid: UID_TRANSITIONS,
    title: "Transitions",
    description: "Rates, durations and rejections of transitions, with their traces and logs.",
    nodes: "all",
    textBoxes: { state: { label: "State (regular expression)", value: ".*" } },
    head: [
      text(
        "",
        "**Which transitions happen, how long do they take, and why are they canceled?** A dot in *Duration of sampled transitions* is one transition: click it to see its trace down to the last leaf. *State* above limits the tables of traces.",
      ),
      ...numbers(),
    ],
    rows: [
      { title: "Rates and durations", panels: durations() },
      { title: "Rejections", panels: rejections() },
      { title: "Traces and logs", panels: latest() },
    ],
  });
}

function numbers() {
  const canceled = rateBy(METRIC_TRANSITIONS, [], { where: { [ATTR_RESULT]: '="canceled"' } });
  return [
    stat({
      title: "Transitions",
      description: "Transitions a second.",
      targets: [promql(rateBy(METRIC_TRANSITIONS))],
      unit: "ops",
      width: 4,
    }),
    stat({
      title: "Canceled",
      description: "Part of the transitions that were canceled.",
      targets: [promql(`${canceled} / ${rateBy(METRIC_TRANSITIONS)}`)],
      unit: "percentunit",
      steps: [["green"], ["yellow", 0.1], ["red", 0.25]],
      width: 4,
    }),
    stat({
      title: "Duration, p99",
      description: "99th percentile of the time from a transition's start to its end.",
      targets: [promql(quantileBy(0.99, METRIC_TRANSITION_DURATION))],
      unit: "s",
      width: 4,
    }),
    stat({
      title: "Wait, p99",
      description: "99th percentile of the time that a mutation waited in the queue.",
      targets: [promql(quantileBy(0.99, METRIC_QUEUE_WAIT))],
      unit: "s",
      width: 4,
    }),
    stat({
      title: "Longest queue",
      description:
        "Largest number of mutations that waited behind a transition in the last seconds.",
      targets: [promql(`max(${select(METRIC_QUEUE_LENGTH)})`)],
      width: 4,
    }),
    stat({
      title: "Open waits",
      description: "Waits for states, ticks, arguments and the queue.",
      targets: [promql(`sum(${select(METRIC_SUBSCRIPTIONS)})`)],
      width: 4,
    }),
  ];
}

function durations() {
  const exemplars = `traces_spanmetrics_latency_bucket{span_name="${SPAN_TRANSITION}"}`;
  return [
    timeSeries({
      title: "By result",
      description: "Transitions a second, executed and canceled.",
      targets: [promql(rateBy(METRIC_TRANSITIONS, [ATTR_RESULT]), BY_RESULT)],
      unit: "ops",
      min: 0,
    }),
    timeSeries({
      title: "By mutation type",
      description: "Their mutations: add, remove, set, auto; check is a dry run.",
      targets: [promql(rateBy(METRIC_TRANSITIONS, [ATTR_TYPE]), { legend: `{{${ATTR_TYPE}}}` })],
      unit: "ops",
      min: 0,
    }),
    heatmap({
      title: "Duration",
      description: "All transitions, sampled or not, by duration.",
      targets: [
        promql(bucketIncrease(METRIC_TRANSITION_DURATION), { as: "heatmap", legend: "{{le}}" }),
      ],
      unit: "s",
    }),
    timeSeries({
      title: "Duration of sampled transitions",
      description:
        "Percentiles of the traced transitions. Each dot is one: click it for its trace.",
      targets: [0.5, 0.99].map((q) =>
        promql(`histogram_quantile(${q}, sum by (le) (rate(${exemplars}[$__rate_interval])))`, {
          legend: `p${q * 100}`,
          exemplar: true,
        }),
      ),
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "Duration",
      description: "Percentiles of all transitions.",
      targets: quantiles(METRIC_TRANSITION_DURATION),
      unit: "s",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Wait in the queue",
      description: "Percentiles of the time before a mutation's transition began.",
      targets: quantiles(METRIC_QUEUE_WAIT),
      unit: "s",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Handlers",
      description: "Calls of handlers a second, and percentiles of their duration.",
      targets: [
        promql(rateBy(METRIC_HANDLER_DURATION, [], { suffix: "_count" }), { legend: "calls" }),
        ...quantiles(METRIC_HANDLER_DURATION),
      ],
      unit: "s",
      min: 0,
      width: 8,
      overrides: { calls: [{ id: "unit", value: "ops" }] },
    }),
  ];
}

function rejections() {
  const rejected = `${LOGS} | event_name="transition.canceled"`;
  return [
    timeSeries({
      title: "Canceled, by mutation type",
      description: "Transitions canceled a second.",
      targets: [
        promql(
          rateBy(METRIC_TRANSITIONS, [ATTR_TYPE], { where: { [ATTR_RESULT]: '="canceled"' } }),
          {
            legend: `{{${ATTR_TYPE}}}`,
          },
        ),
      ],
      unit: "ops",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Reasons",
      description:
        "The ten most frequent reasons in the logs, per step; 0 where nothing was canceled.",
      targets: [
        logql(
          `topk(10, sum by (machine_rejected_by) (count_over_time(${rejected} [$__auto]))) or vector(0)`,
          {
            legend: "{{machine_rejected_by}}",
          },
        ),
      ],
      min: 0,
      width: 16,
    }),
    logs({
      title: "Latest rejections",
      description:
        "With the blocking state and the reason; empty while nothing is canceled. A click on a line leads to its trace.",
      targets: [logLines(rejected)],
      width: 12,
    }),
    traces({
      title: "Traces of rejections",
      description: "Sampled transitions that were canceled; empty if there are none.",
      targets: [
        traceql(
          `{ ${SPAN} && span.${ATTR_TRANSITION_RESULT} = "canceled" && span.${ATTR_MUTATION_STATES} =~ "$state" } | select(span.${ATTR_MUTATION_STATES}, span.${ATTR_REJECTED_BY})`,
          { rows: "spans" },
        ),
      ],
      width: 12,
    }),
  ];
}

function latest() {
  return [
    traces({
      title: "Latest transitions",
      description: "Sampled transitions that called one of the states chosen above.",
      targets: [
        traceql(`{ ${SPAN} && span.${ATTR_MUTATION_STATES} =~ "$state" } | select(${SELECTED})`, {
          rows: "spans",
        }),
      ],
    }),
    traces({
      title: "Slowest on their way",
      description: "Traces that took longer than 100 ms from cause to the last leaf.",
      targets: [traceql(`{ trace:duration > 100ms && ${SPAN} }`)],
      width: 12,
    }),
    logs({
      title: "Latest log records",
      description: "Of transitions, on every node chosen.",
      targets: [logLines(`${LOGS} | event_name=~"transition.*" | service_instance_id=~"$node"`)],
      width: 12,
    }),
  ];
}

function quantiles(metric: Parameters<typeof quantileBy>[1]) {
  return [0.5, 0.95, 0.99].map((q) => promql(quantileBy(q, metric), { legend: `p${q * 100}` }));
}
