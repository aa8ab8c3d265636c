/**
 * Metrics, spans and log records of a machine's transitions. An untraced transition costs a few additions:
 * names and attributes are collected only for traced ones, and for all of them at log level debug.
 */

import { SpanKind } from "@opentelemetry/api";
import type { Machine, Mutation, Tracer, Transition } from "../machine/mod.ts";
import {
  isSampled,
  isTraceContext,
  NO_TRACE_CONTEXTS,
  type SourceTracer,
  type VersionedClock,
} from "../replication/mod.ts";
import type { LogFields } from "./event_log.ts";
import type { MetricCells } from "./metric_set.ts";
import {
  ATTR_FEED_NAME,
  ATTR_HANDLER_BINDING,
  ATTR_HANDLER_NAME,
  ATTR_MACHINE_ID,
  ATTR_MUTATION_STATES,
  ATTR_MUTATION_TYPE,
  ATTR_QUEUE_WAIT,
  ATTR_REJECTED_BY,
  ATTR_REJECTED_STATE,
  ATTR_SEQ,
  ATTR_STATES_ADDED,
  ATTR_STATES_REMOVED,
  ATTR_TIME_AFTER,
  ATTR_TIME_BEFORE,
  ATTR_TRANSITION_ID,
  ATTR_TRANSITION_RESULT,
  ATTR_VERSION,
  MAX_LISTED_STATES,
  METRIC_ERRORS,
  METRIC_HANDLER_DURATION,
  METRIC_QUEUE_LENGTH,
  METRIC_QUEUE_WAIT,
  METRIC_SUBSCRIPTIONS,
  METRIC_TRANSITION_DURATION,
  METRIC_TRANSITIONS,
  SPAN_HANDLER,
  SPAN_TRANSITION,
} from "./semconv.ts";
import type { TelemetryServices } from "./services.ts";
import type { TracedSpan } from "./tracing.ts";
import { WindowMax } from "./window_max.ts";

/** Window of {@linkcode METRIC_QUEUE_LENGTH}. */
const QUEUE_WINDOW_MS = 10_000;

/** What a mutation's opaque context may hold instead of a trace context. */
interface FeedCause {
  readonly feed: string;
}

type Services = Pick<TelemetryServices, "tracing" | "log" | "time"> & {
  readonly metrics: MetricCells;
};

/** A mutation in the queue. */
interface Waiting {
  readonly queuedAtMs: number;
  /** Span of the transition that made it, if that is traced. */
  readonly span: TracedSpan | undefined;
}

/** A transition that ended and waits for its version of the clock. */
interface Ending {
  readonly span: TracedSpan | undefined;
  readonly endMs: number;
  readonly message: string;
  readonly fields: LogFields;
}

export class MachineTelemetry implements Tracer, SourceTracer {
  readonly #services: Services;
  readonly #time: Services["time"];
  readonly #counts;
  readonly #durations;
  readonly #handlerDurations;
  readonly #waits;
  readonly #errors;
  readonly #queueLength = new WindowMax(QUEUE_WINDOW_MS);
  readonly #isLogging: boolean;
  readonly #waiting = new Map<Mutation, Waiting>();
  /** Whether the machine drains its queue: a mutation queued meanwhile was made within a transition. */
  #isRunning = false;
  /** The mutation that was made outside a transition, and when. */
  #direct: Mutation | undefined = undefined;
  #directAtMs = 0;
  /** NaN before the first transition that was seen from its start. */
  #startedAtMs = Number.NaN;
  #endedAtMs = 0;
  #handlerStartedAtMs = Number.NaN;
  #span: TracedSpan | undefined = undefined;
  #queueWaitMs = 0;
  #ending: Ending | undefined = undefined;
  /** Of the last ended transition; they ride on the change of the clock that follows. */
  #traceContexts = NO_TRACE_CONTEXTS;
  #clock: VersionedClock | undefined = undefined;

  constructor(services: Services) {
    this.#services = services;
    const { metrics, time, log } = services;
    this.#time = time;
    this.#isLogging = log.enabled("debug");
    const transitions = metrics.counters(METRIC_TRANSITIONS);
    const both = (type: string) => ({
      executed: transitions.at("executed", type),
      canceled: transitions.at("canceled", type),
    });
    this.#counts = {
      add: both("add"),
      remove: both("remove"),
      set: both("set"),
      auto: both("auto"),
    };
    this.#errors = metrics.counter(METRIC_ERRORS);
    this.#durations = metrics.histogram(METRIC_TRANSITION_DURATION);
    this.#handlerDurations = metrics.histogram(METRIC_HANDLER_DURATION);
    this.#waits = metrics.histogram(METRIC_QUEUE_WAIT);
    metrics.observe(METRIC_QUEUE_LENGTH, (report) =>
      report(this.#queueLength.read(time.monotonic())),
    );
  }

  /** Follows a machine and the clock that holds its versions, if there is one. Call it once. Returns a function that ends it. */
  follow(machine: Machine, clock?: VersionedClock): () => void {
    this.#clock = clock;
    this.#services.metrics.observe(METRIC_SUBSCRIPTIONS, (report) => report(machine.waitCount));
    const untrace = machine.trace(this);
    const unlisten = clock?.onChange(() => this.#finish());
    return () => {
      untrace();
      unlisten?.();
      this.#finish();
      this.#span?.end();
    };
  }

  /** Counts an error that reached the machine's `onError`. */
  countError(): void {
    this.#errors.value++;
  }

  mutationQueued(_machine: Machine, mutation: Mutation): void {
    const nowMs = this.#time.monotonic();
    if (this.#isRunning) {
      // Checks are not measured. Outside a transition one still counts as direct: others may wait behind it.
      if (!mutation.isCheck) this.#waiting.set(mutation, { queuedAtMs: nowMs, span: this.#span });
      return;
    }
    this.#isRunning = true;
    this.#direct = mutation;
    this.#directAtMs = nowMs;
  }

  transitionStart(transition: Transition): void {
    const { mutation } = transition;
    if (mutation.isCheck) return;
    this.#finish();
    if (mutation === this.#direct) {
      this.#direct = undefined;
      this.#startedAtMs = this.#directAtMs;
      this.#queueWaitMs = 0;
      this.#span = this.#start(mutation.context, undefined);
    } else {
      const waiting = this.#waiting.get(mutation);
      this.#waiting.delete(mutation);
      // A mutation that waited starts when the one before it ends. One that is not known waited before the tracer was attached.
      this.#startedAtMs = waiting === undefined ? this.#time.monotonic() : this.#endedAtMs;
      this.#queueWaitMs = this.#startedAtMs - (waiting?.queuedAtMs ?? this.#startedAtMs);
      this.#span = this.#start(mutation.context, waiting);
    }
    this.#waits.record(this.#queueWaitMs / 1000);
    if (transition.queueLength > 0)
      this.#queueLength.record(transition.queueLength, this.#startedAtMs);
  }

  handlerStart(): void {
    this.#handlerStartedAtMs = this.#time.monotonic();
  }

  handlerEnd({ machine }: Transition, binding: string, handler: string): void {
    if (Number.isNaN(this.#handlerStartedAtMs)) return;
    const endMs = this.#time.monotonic();
    this.#handlerDurations.record((endMs - this.#handlerStartedAtMs) / 1000);
    if (this.#span === undefined) return;
    this.#services.tracing
      ?.start(SPAN_HANDLER, {
        kind: SpanKind.INTERNAL,
        parent: this.#span.context,
        startMs: this.#handlerStartedAtMs,
        attributes: {
          [ATTR_HANDLER_NAME]: handler,
          [ATTR_HANDLER_BINDING]: binding,
          [ATTR_MACHINE_ID]: machine.id,
        },
      })
      .end(endMs);
  }

  transitionEnd(transition: Transition): void {
    const { mutation, isCanceled } = transition;
    // A tracer that is attached within a transition sees only its end.
    if (mutation.isCheck || Number.isNaN(this.#startedAtMs)) return;
    const endMs = this.#time.monotonic();
    this.#endedAtMs = endMs;
    const counts = mutation.isAuto ? this.#counts.auto : this.#counts[mutation.type];
    (isCanceled ? counts.canceled : counts.executed).value++;
    const span = this.#span;
    this.#span = undefined;
    const seconds = (endMs - this.#startedAtMs) / 1000;
    if (span === undefined) this.#durations.record(seconds);
    else this.#durations.recordTraced(seconds, span.context, this.#time.now());
    this.#traceContexts = span === undefined ? NO_TRACE_CONTEXTS : [span.context];
    if (span !== undefined || this.#isLogging) this.#keep(transition, span, endMs);
  }

  queueEnd(): void {
    this.#finish();
    this.#isRunning = false;
    // Mutations that a deadline or a new schema dropped never start.
    if (this.#waiting.size > 0) this.#waiting.clear();
  }

  /** Starts a span if the transition is traced: its cause decides, or the sampler if it has none. */
  #start(context: unknown, waiting: Waiting | undefined): TracedSpan | undefined {
    const { tracing } = this.#services;
    if (tracing === undefined) return undefined;
    const own = waiting?.span?.context ?? (isTraceContext(context) ? context : undefined);
    if (own === undefined ? waiting !== undefined : !isSampled(own)) return undefined;
    const cause = own ?? tracing.activeContext();
    if (cause === undefined && !tracing.keepsRoot()) return undefined;
    const options = {
      kind: SpanKind.INTERNAL,
      parent: cause,
      startMs: waiting?.queuedAtMs ?? this.#startedAtMs,
    };
    const span =
      cause === undefined
        ? tracing.startRoot(SPAN_TRANSITION, options)
        : tracing.start(SPAN_TRANSITION, options);
    if (!span.isRecording) return undefined;
    if (isFeedCause(context)) span.set({ [ATTR_FEED_NAME]: context.feed });
    return span;
  }

  /** Replaces the trace context of the cause by that of the transition's span; keeps it if tracing is off. */
  advancing(): readonly Uint8Array[] | undefined {
    return this.#services.tracing && this.#traceContexts;
  }

  /** Copies what a span or record needs: the transition is valid only during the call, and its version is not known yet. */
  #keep(transition: Transition, span: TracedSpan | undefined, endMs: number): void {
    const { mutation, rejected, machine } = transition;
    const type = mutation.isAuto ? "auto" : mutation.type;
    const result = transition.isCanceled ? "canceled" : "executed";
    const states = mutation.states.slice(0, MAX_LISTED_STATES);
    span?.set({
      [ATTR_MACHINE_ID]: machine.id,
      [ATTR_TRANSITION_ID]: transition.id,
      [ATTR_MUTATION_TYPE]: type,
      [ATTR_MUTATION_STATES]: states,
      [ATTR_TRANSITION_RESULT]: result,
      [ATTR_STATES_ADDED]: rejected ? [] : transition.enters.slice(0, MAX_LISTED_STATES),
      [ATTR_STATES_REMOVED]: rejected ? [] : transition.exits.slice(0, MAX_LISTED_STATES),
      [ATTR_TIME_BEFORE]: transition.timeSumBefore,
      [ATTR_TIME_AFTER]: transition.timeSumAfter,
      [ATTR_QUEUE_WAIT]: this.#queueWaitMs / 1000,
      ...(rejected && { [ATTR_REJECTED_BY]: rejected.by }),
      ...(rejected?.state !== undefined && { [ATTR_REJECTED_STATE]: rejected.state }),
    });
    const fields = {
      [ATTR_MUTATION_TYPE]: type,
      [ATTR_MUTATION_STATES]: states.join(" "),
      [ATTR_REJECTED_BY]: rejected?.by,
      [ATTR_MACHINE_ID]: machine.id,
      [ATTR_TRANSITION_ID]: transition.id,
    };
    this.#ending = { span, endMs, message: `transition ${result}`, fields };
  }

  /** Ends the span and writes the record that {@linkcode #keep} kept, with the clock's current version if there is a clock. */
  #finish(): void {
    if (this.#ending === undefined) return;
    const { span, endMs, message, fields } = this.#ending;
    this.#ending = undefined;
    const { log } = this.#services;
    const clock = this.#clock;
    if (clock !== undefined) span?.set({ [ATTR_VERSION]: clock.version, [ATTR_SEQ]: clock.seq });
    span?.end(endMs);
    const all = clock === undefined ? fields : { ...fields, [ATTR_VERSION]: clock.version };
    if (span === undefined) log.debug(message, all);
    else log.info(message, all, span.context);
  }
}

function isFeedCause(context: unknown): context is FeedCause {
  return typeof context === "object" && context !== null && "feed" in context;
}
