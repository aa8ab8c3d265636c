/** Spans with explicit parents and times. A node keeps no context in the process: it travels with the data. */

import {
  type Attributes,
  type Context,
  context,
  type HrTime,
  type Span,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { type TimeSource, TRACE_CONTEXT_BYTES } from "../replication/mod.ts";
import type { Tracers } from "./backend.ts";
import { ATTR_ERROR_TYPE } from "./semconv.ts";
import { fromSpanContext, toContext, toSpanContext } from "./trace_context.ts";

export interface StartOptions {
  readonly kind: SpanKind;
  /** Trace context of the parent, or an OpenTelemetry context with it; without one the sampler decides whether a trace begins. */
  readonly parent?: Uint8Array | Context | undefined;
  readonly attributes?: Attributes;
  /** Trace contexts of related spans, besides the parent. */
  readonly links?: readonly Uint8Array[];
  /** Monotonic start time, in milliseconds. Default: now. */
  readonly startMs?: number;
}

/** If wall time falls behind monotonic time by more than this, in milliseconds, the wall clock was set back. */
const MAX_DRIFT_MS = 5;

export class Tracing {
  readonly #tracers: Tracers;
  readonly #time: TimeSource;
  #offsetMs: number;

  constructor(tracers: Tracers, time: TimeSource) {
    this.#tracers = tracers;
    this.#time = time;
    this.#offsetMs = time.now() - time.monotonic();
  }

  /** Starts a span; one that is not recorded only passes the sampler's decision on. See {@linkcode TracedSpan.isRecording}. */
  start(name: string, options: StartOptions): TracedSpan {
    return this.#start(this.#tracers.tracer, name, options);
  }

  /**
   * Decides whether to keep a trace that begins now, with the sampler's probability. The sampler itself
   * takes about a microsecond, which is too much where traces begin by the thousand.
   */
  keepsRoot(): boolean {
    return Math.random() < this.#tracers.rootRatio;
  }

  /** Starts a trace that {@linkcode keepsRoot} decided to keep. */
  startRoot(name: string, options: StartOptions): TracedSpan {
    return this.#start(this.#tracers.rootTracer, name, options);
  }

  /** The active context, if it holds a span and is used at all. */
  activeContext(): Context | undefined {
    if (!this.#tracers.usesActiveContext) return undefined;
    const active = context.active();
    return trace.getSpanContext(active) && active;
  }

  /** Creates the context of a trace that is not kept, so that other nodes do not decide again. */
  createUnkept(): Uint8Array {
    const context = crypto.getRandomValues(new Uint8Array(TRACE_CONTEXT_BYTES));
    context[24] = 0;
    return context;
  }

  #start(tracer: Tracer, name: string, options: StartOptions): TracedSpan {
    const { kind, parent, attributes, links, startMs } = options;
    const spanOptions = {
      kind,
      startTime: this.toTime(startMs),
      ...(attributes && { attributes }),
      ...(links && { links: links.map((link) => ({ context: toSpanContext(link) })) }),
    };
    return new TracedSpan(tracer.startSpan(name, spanOptions, toContext(parent)), this);
  }

  /** Converts monotonic milliseconds, by default now, to wall time finer than a millisecond, so that short spans keep their order. */
  toTime(monotonicMs: number = this.#time.monotonic()): HrTime {
    // Wall time comes in whole milliseconds, rounded down: the largest difference seen is the most exact.
    const offsetMs = this.#time.now() - this.#time.monotonic();
    if (offsetMs > this.#offsetMs || this.#offsetMs - offsetMs > MAX_DRIFT_MS)
      this.#offsetMs = offsetMs;
    const wallMs = monotonicMs + this.#offsetMs;
    const seconds = Math.floor(wallMs / 1000);
    return [seconds, Math.floor((wallMs - seconds * 1000) * 1e6)];
  }
}

/** A span that has started and not ended. */
export class TracedSpan {
  readonly #span: Span;
  readonly #tracing: Tracing;
  #context: Uint8Array | undefined = undefined;

  constructor(span: Span, tracing: Tracing) {
    this.#span = span;
    this.#tracing = tracing;
  }

  /** The trace context that makes this span the parent of others. */
  get context(): Uint8Array {
    this.#context ??= fromSpanContext(this.#span.spanContext());
    return this.#context;
  }

  get isRecording(): boolean {
    return this.#span.isRecording();
  }

  set(attributes: Attributes): void {
    this.#span.setAttributes(attributes);
  }

  /** Marks the span as failed. `type` comes from a small fixed set; `message` is for people. */
  fail(type: string, message?: string): void {
    this.#span.setAttribute(ATTR_ERROR_TYPE, type);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, ...(message && { message }) });
  }

  /** Ends the span at a monotonic time in milliseconds. Default: now. */
  end(endMs?: number): void {
    this.#span.end(this.#tracing.toTime(endMs));
  }
}
