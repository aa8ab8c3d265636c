/** The dashboard of one node, which the dashboard of the tree links to. */

import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import {
  ATTR_CPU_MODE,
  ATTR_GC_TYPE,
  ATTR_HTTP_RESPONSE_STATUS_CODE,
  ATTR_HTTP_ROUTE,
  ATTR_KIND,
  ATTR_REASON,
  ATTR_RESULT,
  ATTR_SIGNAL,
  METRIC_BUFFERED,
  METRIC_CLOCK_AGE,
  METRIC_COALESCED,
  METRIC_CPU_TIME,
  METRIC_DOWNSTREAMS,
  METRIC_EVENTLOOP_DELAY_MAX,
  METRIC_EVENTLOOP_DELAY_P50,
  METRIC_EVENTLOOP_DELAY_P99,
  METRIC_EVENTLOOP_UTILIZATION,
  METRIC_EXPORTED,
  METRIC_FORWARDED,
  METRIC_GC_DURATION,
  METRIC_HEAP_LIMIT,
  METRIC_HEAP_USED,
  METRIC_HOP_LAG,
  METRIC_HTTP_ACTIVE,
  METRIC_HTTP_DURATION,
  METRIC_LAG,
  METRIC_LAG_SEQS,
  METRIC_MEMORY_USAGE,
  METRIC_PUSHES,
  METRIC_RECEIVED,
  METRIC_RECONNECTS,
  METRIC_RESYNCS,
  METRIC_SENT,
  METRIC_SEQ,
  METRIC_STATES_ACTIVE,
  METRIC_TRANSIT,
  METRIC_UPTIME,
  SERVICE_NAMESPACE,
} from "../../telemetry/semconv.ts";
import { buildDashboard } from "./_frame.ts";
import { linkStatusPanel } from "./_link_status.ts";
import { UID_NODE } from "./_links.ts";
import { logs, stat, text, timeSeries, traces } from "./_panels.ts";
import {
  increaseBy,
  NODE,
  orZero,
  quantileBy,
  rateBy,
  type SelectOptions,
  select,
} from "./_promql.ts";
import { logLines, promql, traceql } from "./_queries.ts";

export function nodeDashboard(): Dashboard {
  return buildDashboard({
    uid: UID_NODE,
    title: "Node",
    description: "One node in depth: its clock, its links, its readers, its process.",
    nodes: { one: "root" },
    head: [
      text(
        "",
        "**What is the matter with $node?** Choose another node above. From top to bottom: its clock, who follows it and whom it follows, its requests, the process, and its log.",
      ),
      ...numbers(),
    ],
    rows: [
      { title: "Replication", panels: replication() },
      { title: "Requests", panels: requests() },
      { title: "Process", panels: process() },
      { title: "Logs and traces", panels: said() },
    ],
  });
}

function numbers() {
  return [
    stat({
      title: "Clock age",
      description: "Time since the last proof of being up to date with the root; 0 on the root.",
      targets: [promql(`max(${select(METRIC_CLOCK_AGE)})`)],
      unit: "s",
      steps: [["green"], ["yellow", 1.5], ["red", 5]],
    }),
    stat({
      title: "Seq",
      description: "Seq of the node's clock in its epoch.",
      targets: [promql(`max(${select(METRIC_SEQ)})`)],
    }),
    stat({
      title: "Active states",
      description: "Active states of those in the schema.",
      targets: [promql(`max(${select(METRIC_STATES_ACTIVE)})`)],
    }),
    stat({
      title: "Downstreams",
      description: "Nodes and browsers that follow this one.",
      targets: [promql(`max(${select(METRIC_DOWNSTREAMS)})`)],
    }),
    stat({
      title: "Slowest is behind by",
      description: "Seqs that the downstream furthest behind has not been sent yet.",
      targets: [promql(`max(${select(METRIC_LAG_SEQS)})`)],
      steps: [["green"], ["yellow", 100], ["red", 1000]],
    }),
    stat({
      title: "Requests",
      description: "HTTP requests a second.",
      targets: [promql(rateBy(METRIC_HTTP_DURATION, [], { suffix: "_count" }))],
      unit: "reqps",
    }),
    stat({
      title: "Event loop in use",
      description: "Part of the time in which the event loop was busy.",
      targets: [promql(`max(${select(METRIC_EVENTLOOP_UTILIZATION)})`)],
      unit: "percentunit",
      steps: [["green"], ["yellow", 0.7], ["red", 0.9]],
    }),
    stat({
      title: "Up for",
      description: "Time since the process started.",
      targets: [promql(`max(${select(METRIC_UPTIME)})`)],
      unit: "s",
    }),
  ];
}

function replication() {
  const orNone = (metric: Parameters<typeof increaseBy>[0], by: readonly string[]) =>
    promql(orZero(increaseBy(metric, by)), {
      legend: by.length === 0 ? "reconnects" : `resync: {{${ATTR_REASON}}}`,
    });
  return [
    linkStatusPanel("chosen"),
    timeSeries({
      title: "Lag from the root",
      description:
        "Time from a change at the root to its application here, by the wall clocks of both. Empty on the root.",
      targets: quantiles(METRIC_LAG),
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "On the way from upstream",
      description:
        "Time that diffs were in transit, measured only by monotonic clocks: never too low. Empty on the root.",
      targets: quantiles(METRIC_TRANSIT),
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "Time to push",
      description: "Time from a change of this node's clock to the push that sends it downstream.",
      targets: quantiles(METRIC_HOP_LAG),
      unit: "s",
      min: 0,
    }),
    timeSeries({
      title: "Messages down",
      description: "What this node pushes to its downstreams, by kind; and seqs that it merged.",
      targets: [
        promql(rateBy(METRIC_PUSHES, [ATTR_KIND]), { legend: `{{${ATTR_KIND}}}` }),
        promql(rateBy(METRIC_COALESCED), { legend: "merged diffs" }),
      ],
      unit: "mps",
      min: 0,
    }),
    timeSeries({
      title: "Bytes",
      description: "Bytes a second to downstreams and from upstream.",
      targets: [
        promql(rateBy(METRIC_SENT), { legend: "to downstreams" }),
        promql(rateBy(METRIC_RECEIVED), { legend: "from upstream" }),
      ],
      unit: "Bps",
      min: 0,
    }),
    timeSeries({
      title: "Bytes that wait",
      description: "Bytes that downstreams have not taken yet; bounded per downstream.",
      targets: [promql(`sum(${select(METRIC_BUFFERED)})`, { legend: "buffered" })],
      unit: "bytes",
      min: 0,
    }),
    timeSeries({
      title: "Resyncs and reconnects",
      description: "Snapshots requested, by reason, and links restored after a loss.",
      targets: [orNone(METRIC_RESYNCS, [ATTR_REASON]), orNone(METRIC_RECONNECTS, [])],
      min: 0,
    }),
  ];
}

function requests() {
  return [
    timeSeries({
      title: "Requests by route",
      description: "HTTP requests a second.",
      targets: [
        promql(rateBy(METRIC_HTTP_DURATION, [ATTR_HTTP_ROUTE], { suffix: "_count" }), {
          legend: "{{http_route}}",
        }),
      ],
      unit: "reqps",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Answers by status",
      description:
        "4xx are the callers' mistakes, 503 means that the clock is too old, other 5xx are ours.",
      targets: [
        promql(
          rateBy(METRIC_HTTP_DURATION, [ATTR_HTTP_RESPONSE_STATUS_CODE], { suffix: "_count" }),
          {
            legend: "{{http_response_status_code}}",
          },
        ),
      ],
      unit: "reqps",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Request duration",
      description: "Time from a request to the end of its response, without event streams.",
      targets: quantiles(METRIC_HTTP_DURATION),
      unit: "s",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Requests under way",
      description: "Requests without a complete response, event streams included.",
      targets: [promql(`sum(${select(METRIC_HTTP_ACTIVE)})`, { legend: "under way" })],
      min: 0,
    }),
    timeSeries({
      title: "Mutations forwarded",
      description: "Mutations that this node sent upstream, by result.",
      targets: [
        promql(orZero(rateBy(METRIC_FORWARDED, [ATTR_RESULT])), { legend: `{{${ATTR_RESULT}}}` }),
      ],
      unit: "ops",
      min: 0,
    }),
  ];
}

function process() {
  return [
    timeSeries({
      title: "CPU",
      description: "Cores in use.",
      targets: [promql(rateBy(METRIC_CPU_TIME, [ATTR_CPU_MODE]), { legend: "{{cpu_mode}}" })],
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Memory",
      description: "Resident memory, and the heap in use with its limit.",
      targets: [
        promql(`max(${select(METRIC_MEMORY_USAGE)})`, { legend: "resident" }),
        promql(`max(${select(METRIC_HEAP_USED)})`, { legend: "heap in use" }),
        promql(`max(${select(METRIC_HEAP_LIMIT)})`, { legend: "heap limit" }),
      ],
      unit: "bytes",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Event loop delay",
      description: "How late the event loop was in the last seconds.",
      targets: [
        promql(`max(${select(METRIC_EVENTLOOP_DELAY_P50)})`, { legend: "p50" }),
        promql(`max(${select(METRIC_EVENTLOOP_DELAY_P99)})`, { legend: "p99" }),
        promql(`max(${select(METRIC_EVENTLOOP_DELAY_MAX)})`, { legend: "longest" }),
      ],
      unit: "s",
      min: 0,
      width: 8,
    }),
    timeSeries({
      title: "Garbage collection",
      description: "Part of the time spent on garbage collection, by type.",
      targets: [
        promql(rateBy(METRIC_GC_DURATION, [ATTR_GC_TYPE], { suffix: "_sum" }), {
          legend: "{{v8js_gc_type}}",
        }),
      ],
      unit: "percentunit",
      min: 0,
    }),
    timeSeries({
      title: "Telemetry sent",
      description:
        "Spans and log records handed to the collector, and those that were not accepted.",
      targets: [
        promql(orZero(rateBy(METRIC_EXPORTED, [ATTR_SIGNAL, ATTR_RESULT])), {
          legend: `{{${ATTR_SIGNAL}}} {{${ATTR_RESULT}}}`,
        }),
      ],
      unit: "ops",
      min: 0,
    }),
  ];
}

function said() {
  return [
    logs({
      title: "Logs",
      description: "All log lines of this node, newest first.",
      targets: [logLines(`{service_namespace="${SERVICE_NAMESPACE}", ${NODE}=~"$node"}`)],
      width: 12,
      height: 12,
    }),
    traces({
      title: "Traces",
      description: "Sampled traces that passed this node. A click on one opens it.",
      targets: [traceql(`{ resource.service.instance.id =~ "$node" }`)],
      width: 12,
      height: 12,
    }),
  ];
}

function quantiles(metric: Parameters<typeof quantileBy>[1], options: SelectOptions = {}) {
  return [0.5, 0.95, 0.99].map((q) =>
    promql(quantileBy(q, metric, [], options), { legend: `p${q * 100}` }),
  );
}
