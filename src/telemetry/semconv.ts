/**
 * Every name that telemetry exports: metrics, spans, attributes, resource attributes. Dashboards and alert
 * rules are generated from this file, so that they always use the names that nodes export.
 */

export type MetricType = "counter" | "gauge" | "histogram";

/** One metric: its name, and what dashboards and `/metrics` show with it. */
export interface MetricDefinition {
  /** With dots, as in OpenTelemetry; {@linkcode prometheusName} returns the name in Prometheus. */
  readonly name: string;
  readonly type: MetricType;
  /** In UCUM: `s`, `By`, `1`, or the counted thing in braces. */
  readonly unit: string;
  readonly description: string;
  /** Attribute keys. Their values come from small fixed sets. */
  readonly attributes: readonly string[];
  /** Inclusive upper limits of a histogram's buckets, ascending; empty for other types. */
  readonly boundaries: readonly number[];
}

// Buckets, in seconds.

/** For work within the process: from a microsecond. */
const FINE = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 0.001, 0.0025, 0.005, 0.01, 0.025,
  0.05, 0.1, 0.25, 0.5, 1, 2.5,
];
/** For work that includes a network or push intervals of 50 ms. */
const COARSE = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 0.75, 1, 2.5, 5, 10,
];

// Attributes of metrics; some are used on spans too.

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
  "Ended transitions, by type (add, remove, set, auto) and result (executed, canceled); dry runs are not counted",
  [ATTR_RESULT, ATTR_TYPE],
);
export const METRIC_TRANSITION_DURATION = histogram(
  "machine.transition.duration",
  "s",
  "Time from the start of a transition to its end, including its handlers",
  FINE,
);
export const METRIC_HANDLER_DURATION = histogram(
  "machine.handler.duration",
  "s",
  "Time that one handler call takes",
  FINE,
);
export const METRIC_QUEUE_WAIT = histogram(
  "machine.queue.wait",
  "s",
  "Time that a mutation waits in the queue before its transition starts",
  FINE,
);
export const METRIC_QUEUE_LENGTH = gauge(
  "machine.queue.length",
  "{mutation}",
  "Largest number of mutations that waited behind a transition in the last 10 to 20 seconds",
);
export const METRIC_STATES_ACTIVE = gauge("machine.states.active", "{state}", "Active states");
export const METRIC_STATES_KNOWN = gauge("machine.states.known", "{state}", "States in the schema");
export const METRIC_SUBSCRIPTIONS = gauge(
  "machine.subscriptions",
  "{subscription}",
  "Open waits for states, ticks, arguments and the queue",
);
export const METRIC_ERRORS = counter(
  "machine.errors",
  "{error}",
  "Errors of the machine and its handlers",
);

// Replication.

export const METRIC_SEQ = gauge(
  "replication.seq",
  "{diff}",
  "Seq of this node's clock in its current epoch",
);
export const METRIC_LAG_SEQS = gauge(
  "replication.lag.seqs",
  "{diff}",
  "Number of seqs not yet sent to the downstream that is furthest behind",
);
export const METRIC_HOP_LAG = histogram(
  "replication.hop.lag",
  "s",
  "Time from a change of this node's clock to the push that sends it downstream, by this node's monotonic clock",
  COARSE,
);
export const METRIC_TRANSIT = histogram(
  "replication.transit",
  "s",
  "Upper bound of the time that a diff takes from the upstream node to this one, by monotonic clocks; only if a bound is known",
  COARSE,
);
export const METRIC_LAG = histogram(
  "replication.lag",
  "s",
  "Time from a change of the root's clock until this node applies it, by the wall clocks of both nodes",
  COARSE,
);
export const METRIC_CLOCK_AGE = gauge(
  "replication.clock.age",
  "s",
  "Time since this node last had proof that it was up to date with the root",
);
export const METRIC_PUSHES = counter(
  "replication.pushes",
  "{message}",
  "Messages sent to downstreams, by kind (diff, snapshot, heartbeat)",
  [ATTR_KIND],
);
export const METRIC_SENT = counter("replication.sent", "By", "Bytes sent to downstreams");
export const METRIC_RECEIVED = counter(
  "replication.received",
  "By",
  "Bytes received from upstream",
);
export const METRIC_COALESCED = counter(
  "replication.diffs.coalesced",
  "{diff}",
  "Seqs that were sent downstream within the diff of a later seq",
);
export const METRIC_RESYNCS = counter(
  "replication.resyncs",
  "{resync}",
  "Snapshots requested because a received message could not be applied",
  [ATTR_REASON],
);
export const METRIC_RECONNECTS = counter(
  "replication.reconnects",
  "{reconnect}",
  "Times that the link upstream was restored after a loss",
);
export const METRIC_DOWNSTREAMS = gauge("replication.downstreams", "{downstream}", "Downstreams");
export const METRIC_BUFFERED = gauge(
  "replication.buffered",
  "By",
  "Bytes that wait until downstreams accept them",
);
export const METRIC_LINK_STATUS = gauge(
  "replication.link.status",
  "1",
  "1 for the current status of the link upstream, 0 for the others",
  [ATTR_STATUS],
);
export const METRIC_UPSTREAM = gauge(
  "replication.upstream",
  "1",
  "1 for the upstream that this node follows, by name; no value while it follows none",
  [ATTR_UPSTREAM_NODE],
);
export const METRIC_FORWARDED = counter(
  "replication.mutations.forwarded",
  "{mutation}",
  "Mutations forwarded upstream, by result: executed, canceled, or an error code",
  [ATTR_RESULT],
);

// Feeds.

export const METRIC_FEED_MUTATIONS = counter(
  "feed.mutations",
  "{mutation}",
  "Mutations made by a feed",
  [ATTR_FEED, ATTR_RESULT],
);

// Flights. One series per flight, for a fixed number of the schema's first flights.

export const METRIC_FLIGHT_STATUS = gauge(
  "flight.status",
  "1",
  "Status of a flight: 0 none, 1 OnTime, 2 Delayed, 3 Departed, 4 Arrived, 5 Scheduled",
  [ATTR_FLIGHT],
);
export const METRIC_FLIGHT_GATE = gauge(
  "flight.gate",
  "1",
  "Gate of a flight: its position among the schema's gates, from 1; 0 if it is unknown",
  [ATTR_FLIGHT],
);
export const METRIC_FLIGHT_CHANGES = counter(
  "flight.changes",
  "{change}",
  "Number of times that states of a flight flipped in this epoch: the sum of their ticks",
  [ATTR_FLIGHT],
);

// HTTP, by the semantic conventions 1.45.

export const METRIC_HTTP_DURATION = histogram(
  "http.server.request.duration",
  "s",
  "Time from the start of a request to the end of its response; event streams are not measured",
  COARSE,
  [ATTR_HTTP_REQUEST_METHOD, ATTR_HTTP_ROUTE, ATTR_HTTP_RESPONSE_STATUS_CODE],
);
export const METRIC_HTTP_ACTIVE = gauge(
  "http.server.active_requests",
  "{request}",
  "Requests in progress, including event streams",
);

// The process.

export const METRIC_EVENTLOOP_UTILIZATION = gauge(
  "nodejs.eventloop.utilization",
  "1",
  "Fraction of the last seconds in which the event loop was busy, 0 to 1",
);
export const METRIC_EVENTLOOP_DELAY_P50 = gauge(
  "nodejs.eventloop.delay.p50",
  "s",
  "Delay of the event loop, median over the last seconds",
);
export const METRIC_EVENTLOOP_DELAY_P99 = gauge(
  "nodejs.eventloop.delay.p99",
  "s",
  "Delay of the event loop, 99th percentile over the last seconds",
);
export const METRIC_EVENTLOOP_DELAY_MAX = gauge(
  "nodejs.eventloop.delay.max",
  "s",
  "Delay of the event loop, maximum over the last seconds",
);
export const METRIC_GC_DURATION = histogram(
  "v8js.gc.duration",
  "s",
  "Time that one garbage collection takes, by type (major, minor, incremental, weakcb)",
  FINE,
  [ATTR_GC_TYPE],
);
export const METRIC_HEAP_USED = gauge("v8js.memory.heap.used", "By", "Heap in use");
export const METRIC_HEAP_LIMIT = gauge("v8js.memory.heap.limit", "By", "Limit of the heap");
export const METRIC_MEMORY_USAGE = gauge("process.memory.usage", "By", "Resident memory");
export const METRIC_CPU_TIME = counter(
  "process.cpu.time",
  "s",
  "CPU time, by mode (user, system)",
  [ATTR_CPU_MODE],
);
export const METRIC_UPTIME = gauge("process.uptime", "s", "Time since the process started");

// Telemetry itself.

export const METRIC_EXPORTED = counter(
  "telemetry.exported",
  "{item}",
  "Spans and log records sent to the collector, by signal (traces, logs) and result (ok, failed)",
  [ATTR_SIGNAL, ATTR_RESULT],
);

// Spans. There are few names: details are attributes.

export const SPAN_TRANSITION = "transition";
export const SPAN_HANDLER = "handler";
export const SPAN_MUTATE = "statesource.v1.StateSourceService/Mutate";
export const OPERATION_PUBLISH = "publish";
export const OPERATION_APPLY = "apply";

/** Most state names in one attribute of a span. */
export const MAX_LISTED_STATES = 100;

export const ATTR_MACHINE_ID = "machine.id";
export const ATTR_TRANSITION_ID = "machine.transition.id";
/** add, remove, set, auto. */
export const ATTR_MUTATION_TYPE = "machine.mutation.type";
/** Names of the called states, at most {@linkcode MAX_LISTED_STATES}. */
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
/** Number of traced transitions in one diff, if there are several. */
export const ATTR_MESSAGING_BATCH_COUNT = "messaging.batch.message_count";
export const ATTR_MESSAGING_BODY_SIZE = "messaging.message.body.size";

// Log records.

/** The record's message as a name, such as `node.started`. Loki does not keep OpenTelemetry's own event name. */
export const ATTR_EVENT_NAME = "event_name";

// The resource.

export const SERVICE_NAMESPACE = "tree-state-source";
/** By role, so that a service graph shows the tree. */
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

/** Returns the metric's name in Prometheus and `/metrics`: no unit, `_total` on counters. */
export function prometheusName({ name, type }: MetricDefinition): string {
  const base = name.replaceAll(/[^A-Za-z0-9_]/g, "_");
  return type === "counter" ? `${base}_total` : base;
}

/** Returns an attribute's label in Prometheus. */
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
