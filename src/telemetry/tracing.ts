/** Spans with explicit parents and times: no context is kept anywhere but in what travels. */

import {
  type Attributes,
  type HrTime,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { TimeSource } from "../replication/mod.ts";
import type { Tracers } from "./backend.ts";
import { ATTR_ERROR_TYPE } from "./semconv.ts";
import { fromSpanContext, toSpanContext } from "./trace_context.ts";

export interface StartOptions {
  readonly kind: SpanKind;
  /** The context to stand under; without one the sampler decides whether a trace begins. */
  readonly parent?: Uint8Array | undefined;
  readonly attributes?: Attributes;
  /** Contexts of spans that belong to it besides its parent. */
  readonly links?: readonly Uint8Array[];
  /** Monotonic time of its start, in milliseconds. Default: now. */
  readonly startMs?: number;
}

/** Wall time and monotonic time differ by this much at most before the wall clock counts as set anew, in milliseconds. */
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

  /** Starts a span, or one that only passes the decision on: {@linkcode TracedSpan.isRecording} says which. */
  start(name: string, options: StartOptions): TracedSpan {
    return this.#start(this.#tracers.tracer, name, options);
  }

  /**
   * Whether a trace that begins now is to be kept: yes as often as the sampler would say so. What that
   * takes a microsecond for, a random number does, where traces begin by the thousands.
   */
  keepsRoot(): boolean {
    return Math.random() < this.#tracers.rootRatio;
  }

  /** Starts a trace that {@linkcode keepsRoot} said yes to. */
  startRoot(name: string, options: StartOptions): TracedSpan {
    return this.#start(this.#tracers.rootTracer, name, options);
  }

  /** The context of a trace that is not kept, for others to know that this is decided. */
  createUnkept(): Uint8Array {
    const context = crypto.getRandomValues(new Uint8Array(25));
    context[24] = 0;
    return context;
  }

  #start(tracer: Tracer, name: string, options: StartOptions): TracedSpan {
    const { kind, parent, attributes, links } = options;
    const startMs = options.startMs ?? this.#time.monotonic();
    const context =
      parent === undefined
        ? ROOT_CONTEXT
        : trace.setSpanContext(ROOT_CONTEXT, toSpanContext(parent));
    const span = tracer.startSpan(
      name,
      {
        kind,
        startTime: this.toTime(startMs),
        ...(attributes && { attributes }),
        ...(links && { links: links.map(toLink) }),
      },
      context,
    );
    return new TracedSpan(span, this, this.#time);
  }

  /** Wall time of a monotonic one, finer than a millisecond, so that short spans keep their order. */
  toTime(monotonicMs: number): HrTime {
    // Wall time comes in whole milliseconds, rounded down: the largest difference seen is the right one.
    const offsetMs = this.#time.now() - this.#time.monotonic();
    if (offsetMs > this.#offsetMs || this.#offsetMs - offsetMs > MAX_DRIFT_MS)
      this.#offsetMs = offsetMs;
    const wallMs = monotonicMs + this.#offsetMs;
    const seconds = Math.floor(wallMs / 1000);
    return [seconds, Math.floor((wallMs - seconds * 1000) * 1e6)];
  }
}

function toLink(context: Uint8Array): Link {
  return { context: toSpanContext(context) };
}

/** A span under way. */
export class TracedSpan {
  readonly #span: Span;
  readonly #tracing: Tracing;
  readonly #time: TimeSource;
  #context: Uint8Array | undefined = undefined;

  constructor(span: Span, tracing: Tracing, time: TimeSource) {
    this.#span = span;
    this.#tracing = tracing;
    this.#time = time;
  }

  /** To hand on: what stands under this span. */
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

  /** Marks it as failed. `type` is out of a small set, `message` for people. */
  fail(type: string, message?: string): void {
    this.#span.setAttribute(ATTR_ERROR_TYPE, type);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, ...(message && { message }) });
  }

  /** Ends it, at a monotonic time in milliseconds; now if there is none. */
  end(endMs: number = this.#time.monotonic()): void {
    this.#span.end(this.#tracing.toTime(endMs));
  }
}
