/**
 * Metrics and spans of replication: what a node sends to its downstreams, what it receives from upstream,
 * and the mutations that it serves and forwards. Each trace in a diff gets one PRODUCER span per downstream;
 * the downstream's CONSUMER span is its child, so that a trace leads from its cause to the last leaf.
 */

import { type Attributes, SpanKind } from "@opentelemetry/api";
import {
  type AppliedEvent,
  type DownstreamTracer,
  isSampled,
  type MutationRequest,
  type MutationResponse,
  type PushedEvent,
  type PushingEvent,
  ReplicationError,
  type ResyncReason,
  type UpstreamTracer,
  type VersionedClock,
} from "../replication/mod.ts";
import { ChangeTimes } from "./change_times.ts";
import type { Histogram } from "./histogram.ts";
import type { MetricSet } from "./metric_set.ts";
import {
  ATTR_DOWNSTREAM,
  ATTR_LAG,
  ATTR_MACHINE_ID,
  ATTR_MESSAGING_BATCH_COUNT,
  ATTR_MESSAGING_BODY_SIZE,
  ATTR_MESSAGING_DESTINATION,
  ATTR_MESSAGING_OPERATION_NAME,
  ATTR_MESSAGING_OPERATION_TYPE,
  ATTR_MESSAGING_SYSTEM,
  ATTR_MUTATION_STATES,
  ATTR_MUTATION_TYPE,
  ATTR_PUSH_KIND,
  ATTR_REJECTED_BY,
  ATTR_RPC_METHOD,
  ATTR_RPC_STATUS,
  ATTR_RPC_SYSTEM,
  ATTR_SEQ,
  ATTR_SEQ_BEFORE,
  ATTR_SERVER_ADDRESS,
  ATTR_STATES_CHANGED,
  ATTR_TRANSITION_RESULT,
  ATTR_UPSTREAM,
  ATTR_VERSION,
  MAX_LISTED_STATES,
  MESSAGING_SYSTEM,
  METRIC_COALESCED,
  METRIC_FORWARDED,
  METRIC_HOP_LAG,
  METRIC_LAG,
  METRIC_PUSHES,
  METRIC_RESYNCS,
  METRIC_SENT,
  METRIC_TRANSIT,
  OPERATION_APPLY,
  OPERATION_PUBLISH,
  RPC_SYSTEM,
  SPAN_MUTATE,
} from "./semconv.ts";

import type { TelemetryServices } from "./services.ts";
import type { TracedSpan } from "./tracing.ts";

const RESYNC_REASONS: readonly ResyncReason[] = [
  "checksum",
  "unknown_state",
  "seq_back",
  "tick_back",
  "epoch",
];

const NO_SPANS: readonly TracedSpan[] = [];

export class ReplicationTelemetry {
  readonly #services: TelemetryServices;
  readonly #pushes;
  readonly #sent;
  readonly #coalesced;
  readonly #hopLag;
  /** Metrics that only a node with an upstream has. */
  #received: UpstreamMetrics | undefined = undefined;
  /** Address of the current upstream, host:port; empty on the root. */
  #upstreamAddress = "";
  readonly #changes = new ChangeTimes();
  #clock: VersionedClock | undefined = undefined;
  /** Spans of the diff that is being sent. */
  #publishing: readonly TracedSpan[] = NO_SPANS;
  /** Spans of the message that is being applied; they never end, and so are not exported, if it is refused. */
  #applying: readonly TracedSpan[] = NO_SPANS;
  /** Spans of the mutations in progress, by the request that carries their trace context. */
  readonly #mutations = new WeakMap<MutationRequest, TracedSpan>();

  constructor(services: TelemetryServices) {
    this.#services = services;
    const { metrics } = services;
    const pushes = metrics.counters(METRIC_PUSHES);
    this.#pushes = {
      diff: pushes.at("diff"),
      snapshot: pushes.at("snapshot"),
      heartbeat: pushes.at("heartbeat"),
    };
    this.#sent = metrics.counter(METRIC_SENT);
    this.#coalesced = metrics.counter(METRIC_COALESCED);
    this.#hopLag = metrics.histogram(METRIC_HOP_LAG);
  }

  /** Follows the clock that this node sends downstream; calls `onReset` when it begins an epoch. Call it once. */
  follow(clock: VersionedClock, onReset?: () => void): void {
    const { time } = this.#services;
    this.#clock = clock;
    clock.onChange((change) => {
      if (change.type === "reset") {
        this.#changes.clear();
        onReset?.();
      }
      this.#changes.add(clock.seq, time.monotonic());
    });
  }

  /** For the publisher and the server. */
  readonly downstream: DownstreamTracer = {
    pushing: (event) => this.#startPush(event),
    pushed: (event) => this.#endPush(event),
    serving: (request) => this.#startMutation(SpanKind.SERVER, request),
    served: (request, outcome) => this.#endMutation(request, outcome),
  };

  /** For the replica. */
  get upstream(): UpstreamTracer {
    const received = this.#received ?? createUpstreamMetrics(this.#services.metrics);
    this.#received = received;
    const setAddress = (address: string) => {
      this.#upstreamAddress = address;
    };
    return {
      linkStatus: (_status, address) => setAddress(address),
      linkLost: ({ address }) => setAddress(address),
      moved: ({ address }) => setAddress(address),
      applying: (traceContexts) => this.#startApply(traceContexts),
      applied: (event) => this.#endApply(event, received),
      resync: (reason) => {
        received.resyncs.at(reason).value++;
      },
      forwarding: (request) => this.#startMutation(SpanKind.CLIENT, request),
      forwarded: (request, outcome) => {
        this.#endMutation(request, outcome, this.#upstreamAddress);
        const result = outcome instanceof ReplicationError ? outcome.code : outcome.result;
        received.forwarded.at(result).value++;
      },
    };
  }

  /** Starts a span for a served or forwarded mutation. Returns the request with the span's trace context. */
  #startMutation(kind: SpanKind, request: MutationRequest): MutationRequest | undefined {
    const { tracing, machineId } = this.#services;
    if (tracing === undefined) return undefined;
    const span = tracing.start(SPAN_MUTATE, {
      kind,
      parent: request.traceContext,
      attributes: { [ATTR_RPC_SYSTEM]: RPC_SYSTEM, [ATTR_RPC_METHOD]: SPAN_MUTATE },
    });
    if (span.isRecording) {
      span.set({
        [ATTR_MACHINE_ID]: machineId,
        [ATTR_MUTATION_TYPE]: request.type,
        [ATTR_MUTATION_STATES]: request.states.slice(0, MAX_LISTED_STATES),
      });
    }
    const traced = { ...request, traceContext: span.context };
    this.#mutations.set(traced, span);
    return traced;
  }

  /** `address` is the upstream that received the mutation; empty on the server side. */
  #endMutation(
    request: MutationRequest,
    outcome: MutationResponse | ReplicationError,
    address = "",
  ): void {
    const span = this.#mutations.get(request);
    if (span === undefined) return;
    if (address !== "") span.set({ [ATTR_SERVER_ADDRESS]: address, [ATTR_UPSTREAM]: address });
    if (outcome instanceof ReplicationError) {
      span.set({ [ATTR_RPC_STATUS]: outcome.code });
      span.fail(outcome.code, outcome.message);
    } else if (span.isRecording) {
      span.set(toResponseAttributes(outcome));
    }
    span.end();
  }

  /** Starts a span for each trace in a diff. Returns the trace contexts that the diff carries. */
  #startPush(event: PushingEvent): readonly Uint8Array[] | undefined {
    const { tracing } = this.#services;
    const traces = groupByTrace(event.traceContexts.filter(isSampled));
    if (tracing === undefined || traces.length === 0) return undefined;
    const last = traces.at(-1)!;
    const spans = traces.map((trace) =>
      tracing.start(this.#nameOf(OPERATION_PUBLISH), {
        kind: SpanKind.PRODUCER,
        parent: trace[0]!,
        // The last trace links to all others in the same diff, and each of them to the last.
        links: [
          ...trace.slice(1),
          ...(trace === last ? traces.slice(0, -1) : [last]).map(([first]) => first!),
        ],
        attributes: {
          ...this.#messaging(OPERATION_PUBLISH, "send", traces.length),
          [ATTR_DOWNSTREAM]: event.downstream,
          [ATTR_SEQ_BEFORE]: event.seqBefore,
          [ATTR_SEQ]: event.seq,
          [ATTR_VERSION]: this.#clock?.version,
        },
      }),
    );
    this.#publishing = spans;
    return spans.map(({ context }) => context);
  }

  #endPush({ kind, firstSeq, changes, bytes }: PushedEvent): void {
    this.#pushes[kind].value++;
    this.#sent.value += bytes;
    if (kind === "diff") {
      if (changes > 1) this.#coalesced.value += changes - 1;
      const waitedMs = this.#services.time.monotonic() - this.#changes.firstAfter(firstSeq - 1);
      if (waitedMs >= 0) this.#record(this.#hopLag, waitedMs / 1000, this.#publishing.at(-1));
    }
    if (this.#publishing.length === 0) return;
    for (const span of this.#publishing) {
      span.set({ [ATTR_PUSH_KIND]: kind, [ATTR_MESSAGING_BODY_SIZE]: bytes });
      span.end();
    }
    this.#publishing = NO_SPANS;
  }

  /** Starts a span for each sampled trace context of a message. Returns the trace contexts that the change carries. */
  #startApply(traceContexts: readonly Uint8Array[]): readonly Uint8Array[] | undefined {
    const { tracing } = this.#services;
    this.#applying = NO_SPANS;
    if (tracing === undefined || !traceContexts.some(isSampled)) return undefined;
    const sampled = traceContexts.filter(isSampled);
    this.#applying = sampled.map((parent) =>
      tracing.start(this.#nameOf(OPERATION_APPLY), {
        kind: SpanKind.CONSUMER,
        parent,
        attributes: this.#messaging(OPERATION_APPLY, "process", sampled.length),
      }),
    );
    return this.#applying.map(({ context }) => context);
  }

  #endApply(event: AppliedEvent, { lag, transit }: UpstreamMetrics): void {
    const { log, time } = this.#services;
    const lagMs = Math.max(0, time.now() - event.changedAtMs);
    // Not for a snapshot, which holds changes of any age.
    if (!event.isSnapshot) {
      const span = this.#applying.at(-1);
      this.#record(lag, lagMs / 1000, span);
      if (Number.isFinite(event.transitMs)) this.#record(transit, event.transitMs / 1000, span);
    }
    const message = event.isSnapshot ? "snapshot applied" : "diff applied";
    const version = `${event.epoch}-${event.seq}`;
    const fields = { [ATTR_VERSION]: version, [ATTR_STATES_CHANGED]: event.stateCount };
    if (this.#applying.length === 0) {
      if (event.isSnapshot) log.info(message, fields);
      else if (log.enabled("trace")) log.trace(message, fields);
      return;
    }
    for (const span of this.#applying) {
      span.set({
        [ATTR_SEQ_BEFORE]: event.seqBefore,
        [ATTR_SEQ]: event.seq,
        [ATTR_VERSION]: version,
        [ATTR_PUSH_KIND]: event.isSnapshot ? "snapshot" : "diff",
        [ATTR_STATES_CHANGED]: event.stateCount,
        [ATTR_MESSAGING_BODY_SIZE]: event.bytes,
        [ATTR_LAG]: lagMs / 1000,
        [ATTR_UPSTREAM]: this.#upstreamAddress,
      });
      span.end();
      log.info(message, { ...fields, [ATTR_LAG]: lagMs / 1000 }, span.context);
    }
    this.#applying = NO_SPANS;
  }

  /** Records a value, with the span as its exemplar if there is one. */
  #record(histogram: Histogram, seconds: number, span: TracedSpan | undefined): void {
    if (span === undefined) histogram.record(seconds);
    else histogram.recordTraced(seconds, span.context, this.#services.time.now());
  }

  #nameOf(operation: string): string {
    return `${operation} ${this.#services.machineId}`;
  }

  #messaging(name: string, type: "send" | "process", traces: number): Attributes {
    const { machineId } = this.#services;
    return {
      [ATTR_MESSAGING_SYSTEM]: MESSAGING_SYSTEM,
      [ATTR_MESSAGING_OPERATION_NAME]: name,
      [ATTR_MESSAGING_OPERATION_TYPE]: type,
      [ATTR_MESSAGING_DESTINATION]: machineId,
      [ATTR_MACHINE_ID]: machineId,
      ...(traces > 1 && { [ATTR_MESSAGING_BATCH_COUNT]: traces }),
    };
  }
}

function createUpstreamMetrics(metrics: MetricSet) {
  const resyncs = metrics.counters(METRIC_RESYNCS);
  for (const reason of RESYNC_REASONS) resyncs.at(reason);
  return {
    lag: metrics.histogram(METRIC_LAG),
    transit: metrics.histogram(METRIC_TRANSIT),
    resyncs,
    forwarded: metrics.counters(METRIC_FORWARDED),
  };
}

type UpstreamMetrics = ReturnType<typeof createUpstreamMetrics>;

function toResponseAttributes({ result, version, rejected }: MutationResponse): Attributes {
  return {
    [ATTR_RPC_STATUS]: "ok",
    [ATTR_TRANSITION_RESULT]: result,
    [ATTR_VERSION]: version,
    ...(rejected && { [ATTR_REJECTED_BY]: rejected.by }),
  };
}

/** Groups trace contexts by trace: an auto transition belongs to the trace of the transition that caused it. */
function groupByTrace(contexts: readonly Uint8Array[]): Uint8Array[][] {
  const traces: Uint8Array[][] = [];
  for (const context of contexts) {
    const known = traces.find(([first]) => hasSameTrace(first!, context));
    if (known === undefined) traces.push([context]);
    else known.push(context);
  }
  return traces;
}

function hasSameTrace(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < 16; i++) if (a[i] !== b[i]) return false;
  return true;
}
