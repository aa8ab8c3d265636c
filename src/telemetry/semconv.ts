/**
 * Every name that telemetry sends: metrics, spans, attributes, resource attributes. Dashboards and
 * alerts are made from this file, so that a name cannot differ between those who write and those who read.
 */

export type MetricType = "counter" | "gauge" | "histogram";

/** One metric: its name, and what stands beside it in every place where it is shown. */
export interface MetricDefinition {
  /** With dots, as in OpenTelemetry; {@linkcode prometheusName} has the name in Prometheus. */
  readonly name: string;
  readonly type: MetricType;
  /** UCUM: `s`, `By`, or what is counted in braces. */
  readonly unit: string;
  readonly description: string;
  /** Keys of its attributes; their values come from small fixed sets. */
  readonly attributes: readonly string[];
  /** Of a histogram: upper limits of its buckets, rising, each part of its bucket. */
  readonly boundaries: readonly number[];
}

// Buckets, in seconds.

/** What happens within the process: from a microsecond on. */
const FINE = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 0.5, 1, 2.5,
];
/** What takes a network, or push intervals of 50 ms. */
const COARSE = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10,
];

// Attributes of metrics; some stand on spans too.

export const ATTR_RESULT = "result";
export const ATTR_TYPE = "type";
export const ATTR_KIND = "kind";
export const ATTR_REASON = "reason";
export const ATTR_STATUS = "status";
export const ATTR_FEED = "feed";
export const ATTR_FLIGHT = "flight";
export const ATTR_UPSTREAM_NODE = "upstream";
export const ATTR_HTTP_REQUEST_METHOD = "http.request.method";
export const ATTR_HTTP_ROUTE = "http.route";
export const ATTR_HTTP_RESPONSE_STATUS_CODE = "http.response.status_code";
export const ATTR_ERROR_TYPE = "error.type";
export const ATTR_GC_TYPE = "v8js.gc.type";
export const ATTR_CPU_MODE = "cpu.mode";
export const ATTR_SIGNAL = "signal";

// The machine.

export const METRIC_TRANSITIONS = counter(
  "machine.transitions",
  "{transition}",
  "Transitions that ended, by what called for them (add, remove, set, auto) and how they ended (executed, canceled); dry runs are left out",
  [ATTR_RESULT, ATTR_TYPE],
);
export const METRIC_TRANSITION_DURATION = histogram(
  "machine.transition.duration",
  "s",
  "Time from a transition's start to its end, handlers included",
  FINE,
);
export const METRIC_HANDLER_DURATION = histogram(
  "machine.handler.duration",
  "s",
  "Time that one call of a handler took",
  FINE,
);
export const METRIC_QUEUE_WAIT = histogram(
  "machine.queue.wait",
  "s",
  "Time that a mutation stood in the queue before its transition began",
  FINE,
);
export const METRIC_QUEUE_LENGTH = gauge(
  "machine.queue.length",
  "{mutation}",
  "Most mutations that waited behind a transition in the last 10 to 20 seconds",
);
export const METRIC_STATES_ACTIVE = gauge("machine.states.active", "{state}", "Active states");
export const METRIC_STATES_KNOWN = gauge("machine.states.known", "{state}", "States in the schema");
export const METRIC_SUBSCRIPTIONS = gauge(
  "machine.subscriptions",
  "{subscription}",
  "Open waits for states, ticks, arguments and the queue",
);
export const METRIC_ERRORS = counter("machine.errors", "{error}", "Errors of the machine");

// Replication.

export const METRIC_SEQ = gauge(
  "replication.seq",
  "{diff}",
  "Seq of this node's clock in its epoch",
);
export const METRIC_LAG_SEQS = gauge(
  "replication.lag.seqs",
  "{diff}",
  "How many seqs the downstream that is furthest behind has not been sent yet",
);
export const METRIC_HOP_LAG = histogram(
  "replication.hop.lag",
  "s",
  "Time from a change of this node's clock to the push that sends it downstream, by this node's own monotonic clock",
  COARSE,
);
export const METRIC_TRANSIT = histogram(
  "replication.transit",
  "s",
  "Time that a diff was on its way from the node upstream, never less than it was, by monotonic clocks; only where its bound is known",
  COARSE,
);
export const METRIC_LAG = histogram(
  "replication.lag",
  "s",
  "Time from a change of the root's clock to its application here, by the wall clocks of both",
  COARSE,
);
export const METRIC_CLOCK_AGE = gauge(
  "replication.clock.age",
  "s",
  "Time since this node last had proof of being up to date with the root",
);
export const METRIC_PUSHES = counter(
  "replication.pushes",
  "{message}",
  "Messages to downstreams: diff, snapshot, heartbeat",
  [ATTR_KIND],
);
export const METRIC_SENT = counter("replication.sent", "By", "Bytes written to downstreams");
export const METRIC_RECEIVED = counter(
  "replication.received",
  "By",
  "Bytes that came from upstream",
);
export const METRIC_COALESCED = counter(
  "replication.diffs.coalesced",
  "{diff}",
  "Seqs that travelled downstream within the diff of a later one",
);
export const METRIC_RESYNCS = counter(
  "replication.resyncs",
  "{resync}",
  "Snapshots asked for because what came could not be applied",
  [ATTR_REASON],
);
export const METRIC_RECONNECTS = counter(
  "replication.reconnects",
  "{reconnect}",
  "Times that the link upstream was made again after a loss",
);
export const METRIC_DOWNSTREAMS = gauge("replication.downstreams", "{downstream}", "Downstreams");
export const METRIC_BUFFERED = gauge(
  "replication.buffered",
  "By",
  "Bytes that wait for downstreams to take them",
);
export const METRIC_LINK_STATUS = gauge(
  "replication.link.status",
  "1",
  "1 for the status that the link upstream has, 0 for the others",
  [ATTR_STATUS],
);
export const METRIC_UPSTREAM = gauge(
  "replication.upstream",
  "1",
  "1 for the node that this one follows, by its name; none while it follows nobody",
  [ATTR_UPSTREAM_NODE],
);
export const METRIC_FORWARDED = counter(
  "replication.mutations.forwarded",
  "{mutation}",
  "Mutations sent upstream, by result: executed, canceled, or the code of the error",
  [ATTR_RESULT],
);

// Feeds.

export const METRIC_FEED_MUTATIONS = counter(
  "feed.mutations",
  "{mutation}",
  "Mutations that a feed made",
  [ATTR_FEED, ATTR_RESULT],
);

// Flights. One series per flight: only the first so many of a schema are told, as a fixed bound.

export const METRIC_FLIGHT_STATUS = gauge(
  "flight.status",
  "1",
  "Status of a flight: 0 none, 1 OnTime, 2 Delayed, 3 Departed, 4 Arrived, 5 Scheduled",
  [ATTR_FLIGHT],
);
export const METRIC_FLIGHT_GATE = gauge(
  "flight.gate",
  "1",
  "Gate of a flight, by its place among the schema's gates from 1 on; 0 while it is unknown",
  [ATTR_FLIGHT],
);
export const METRIC_FLIGHT_CHANGES = counter(
  "flight.changes",
  "{change}",
  "How often states of a flight flipped in this epoch: the sum of their ticks",
  [ATTR_FLIGHT],
);

// HTTP, by the semantic conventions 1.45.

export const METRIC_HTTP_DURATION = histogram(
  "http.server.request.duration",
  "s",
  "Time from a request to the end of its answer; event streams are left out",
  COARSE,
  [ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_ROUTE, ATTR_HTTP_RESPONSE_STATUS_CODE],
);
export const METRIC_HTTP_ACTIVE = gauge(
  "http.server.active_requests",
  "{request}",
  "Requests under way, event streams included",
);

// The process.

export const METRIC_EVENTLOOP_UTILIZATION = gauge(
  "nodejs.eventloop.utilization",
  "1",
  "Part of the last seconds in which the event loop was busy, 0 to 1",
);
export const METRIC_EVENTLOOP_DELAY_P50 = gauge(
  "nodejs.eventloop.delay.p50",
  "s",
  "Delay of the event loop, median of the last seconds",
);
export const METRIC_EVENTLOOP_DELAY_P99 = gauge(
  "nodejs.eventloop.delay.p99",
  "s",
  "Delay of the event loop, 99th percentile of the last seconds",
);
export const METRIC_EVENTLOOP_DELAY_MAX = gauge(
  "nodejs.eventloop.delay.max",
  "s",
  "Delay of the event loop, longest of the last seconds",
);
export const METRIC_GC_DURATION = histogram(
  "v8js.gc.duration",
  "s",
  "Time of one garbage collection: major, minor, incremental, weakcb",
  FINE,
  [ATTR_GC_TYPE],
);
export const METRIC_HEAP_USED = gauge("v8js.memory.heap.used", "By", "Heap in use");
export const METRIC_HEAP_LIMIT = gauge("v8js.memory.heap.limit", "By", "Largest heap allowed");
export const METRIC_MEMORY_USAGE = gauge("process.memory.usage", "By", "Resident memory");
export const METRIC_CPU_TIME = counter("process.cpu.time", "s", "CPU time: user, system", [
  ATTR_CPU_MODE,
]);
export const METRIC_UPTIME = gauge("process.uptime", "s", "Time since the process started");

// Telemetry itself.

export const METRIC_EXPORTED = counter(
  "telemetry.exported",
  "{item}",
  "Spans and log records handed to the collector, by signal (traces, logs) and result (ok, failed)",
  [ATTR_SIGNAL, ATTR_RESULT],
);

// Spans. Names are few: what differs from one to the next stands in attributes.

export const SPAN_TRANSITION = "transition";
export const SPAN_HANDLER = "handler";
export const SPAN_MUTATE = "statesource.v1.StateSourceService/Mutate";
export const OPERATION_PUBLISH = "publish";
export const OPERATION_APPLY = "apply";

export const ATTR_MACHINE_ID = "machine.id";
export const ATTR_TRANSITION_ID = "machine.transition.id";
/** add, remove, set, auto. */
export const ATTR_MUTATION_TYPE = "machine.mutation.type";
/** Names of the states called. */
export const ATTR_MUTATION_STATES = "machine.mutation.states";
/** executed, canceled. */
export const ATTR_TRANSITION_RESULT = "machine.transition.result";
export const ATTR_STATES_ADDED = "machine.states.added";
export const ATTR_STATES_REMOVED = "machine.states.removed";
/** Sum of all ticks. */
export const ATTR_TIME_BEFORE = "machine.time.before";
export const ATTR_TIME_AFTER = "machine.time.after";
/** `<epoch>-<seq>`, as in the HTTP API. */
export const ATTR_VERSION = "machine.version";
export const ATTR_REJECTED_BY = "machine.rejected.by";
export const ATTR_REJECTED_STATE = "machine.rejected.state";
/** Seconds in the queue. */
export const ATTR_QUEUE_WAIT = "machine.queue.wait";
export const ATTR_HANDLER_NAME = "machine.handler.name";
export const ATTR_HANDLER_BINDING = "machine.handler.binding";
export const ATTR_SEQ = "replication.seq";
export const ATTR_SEQ_BEFORE = "replication.seq.before";
/** diff, snapshot. */
export const ATTR_PUSH_KIND = "replication.push.kind";
export const ATTR_DOWNSTREAM = "replication.downstream";
export const ATTR_UPSTREAM = "replication.upstream";
/** Seconds from the root's change to this node's application. */
export const ATTR_LAG = "replication.lag";
export const ATTR_STATES_CHANGED = "replication.states.changed";
export const ATTR_FEED_NAME = "feed.name";

// Of spans, by the semantic conventions 1.45: HTTP, RPC, messaging.

export const ATTR_URL_PATH = "url.path";
export const ATTR_URL_SCHEME = "url.scheme";
export const ATTR_SERVER_ADDRESS = "server.address";
export const ATTR_RPC_SYSTEM = "rpc.system.name";
export const RPC_SYSTEM = "connectrpc";
export const ATTR_RPC_METHOD = "rpc.method";
export const ATTR_RPC_STATUS = "rpc.response.status_code";
export const ATTR_MESSAGING_SYSTEM = "messaging.system";
export const MESSAGING_SYSTEM = "statesource";
export const ATTR_MESSAGING_OPERATION_NAME = "messaging.operation.name";
export const ATTR_MESSAGING_OPERATION_TYPE = "messaging.operation.type";
/** Id of the machine. */
export const ATTR_MESSAGING_DESTINATION = "messaging.destination.name";
/** Traced transitions that travel in one diff, where there are several. */
export const ATTR_MESSAGING_BATCH_COUNT = "messaging.batch.message_count";
export const ATTR_MESSAGING_BODY_SIZE = "messaging.message.body.size";

// Log records.

/** What happened, as a name: `node.started`. Loki keeps no event name of its own. */
export const ATTR_EVENT_NAME = "event_name";

// The resource.

export const SERVICE_NAMESPACE = "tree-state-source";
/** By role; a service graph shows the tree by them. */
export const SERVICE_NAMES = { root: "tree-root", relay: "tree-relay", leaf: "tree-leaf" } as const;
export const ATTR_SERVICE_NAME = "service.name";
export const ATTR_SERVICE_NAMESPACE = "service.namespace";
/** The node's name. */
export const ATTR_SERVICE_INSTANCE_ID = "service.instance.id";
export const ATTR_SERVICE_VERSION = "service.version";
/** Hops from the root. */
export const ATTR_TREE_LEVEL = "tree.level";
/** Upstream addresses as configured, comma-separated. */
export const ATTR_TREE_PARENT = "tree.parent";

/** The metric's name in Prometheus, as `/metrics` has it: no unit, `_total` on counters. */
export function prometheusName({ name, type }: MetricDefinition): string {
  const base = name.replaceAll(/[^A-Za-z0-9_]/g, "_");
  return type === "counter" ? `${base}_total` : base;
}

/** An attribute's label in Prometheus. */
export function prometheusLabel(attribute: string): string {
  return attribute.replaceAll(/[^A-Za-z0-9_]/g, "_");
}

function counter(
  name: string,
  unit: string,
  description: string,
  attributes: readonly string[] = [],
): MetricDefinition {
  return { name, type: "counter", unit, description, attributes, boundaries: [] };
}

function gauge(
  name: string,
  unit: string,
  description: string,
  attributes: readonly string[] = [],
): MetricDefinition {
  return { name, type: "gauge", unit, description, attributes, boundaries: [] };
}

function histogram(
  name: string,
  unit: string,
  description: string,
  boundaries: readonly number[],
  attributes: readonly string[] = [],
): MetricDefinition {
  return { name, type: "histogram", unit, description, attributes, boundaries };
}
