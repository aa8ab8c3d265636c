/**
 * The publisher: sends a clock to its downstreams. Each has a cursor, the seq that it has been sent
 * up to; a diff from any cursor is read off the clock, so nothing is queued for whoever is slow.
 */

import { encodeEnvelope } from "./envelope.ts";
import { ReplicationError, toWireError } from "./errors.ts";
import { type ClockMessage, encodeClockMessage, type SubscribeRequest } from "./messages.ts";
import { hashSchema } from "./schema_codec.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import type { ReplicationTracer } from "./tracer.ts";
import type { VersionedClock } from "./versioned_clock.ts";

/** Where one downstream's bytes go. */
export interface Sink {
  /** Takes an envelope. Returns false when no more should be written until {@linkcode Downstream.drained}. */
  write(envelope: Uint8Array<ArrayBuffer>): boolean;
  /** Nothing more will be written. */
  close(): void;
}

export interface PublisherOptions {
  /** Name of this node, the last of the path that downstreams are told. */
  readonly name: string;
  readonly machineId: string;
  /** Node names from the root to this one's upstream; empty on the root. Asked for each new stream. */
  readonly upstreamPath?: () => readonly string[];
  /** How long ago this node last had proof of being up to date with the root, in milliseconds. Default 0, as on the root. */
  readonly ageMs?: () => number;
  /** Least milliseconds between two diffs to one downstream; 0 sends at the end of the current run of the event loop. Default 0. */
  readonly pushIntervalMs?: number;
  /** Default 500. */
  readonly heartbeatIntervalMs?: number;
  /** A downstream that takes nothing for this long is closed, in milliseconds. Default 10,000. */
  readonly stallTimeoutMs?: number;
  /** Downstreams at the same time; one more is refused. Default 10,000. */
  readonly maxDownstreams?: number;
  readonly time?: TimeSource;
  readonly tracer?: ReplicationTracer;
}

/** One downstream, as its transport and `/topology` see it. */
export interface Downstream {
  readonly name: string;
  /** The seq that it has been sent. */
  readonly seq: number;
  /** How many diffs it is behind. */
  readonly lagSeq: number;
  /** Milliseconds since it was last sent all there was; 0 if it is up to date. */
  readonly lagMs: number;
  readonly bytesSent: number;
  readonly pushes: number;
  /** Whether its buffer is full. */
  readonly isStalled: boolean;
  /** The sink takes bytes again. */
  drained(): void;
  /** The downstream is gone. */
  close(): void;
}

type Kind = "snapshot" | "diff" | "heartbeat";

export class Publisher {
  readonly #clock: VersionedClock;
  readonly #options: Required<Omit<PublisherOptions, "tracer">>;
  readonly #tracer: ReplicationTracer | undefined;
  readonly #downstreams = new Set<OpenDownstream>();
  /** All streams count wall time from here, so that they can share their messages. */
  readonly #wallBaseMs: number;
  #schemaHash: { readonly epoch: string; readonly hash: string } = { epoch: "", hash: "" };
  /** Diffs encoded for the current seq, by cursor. */
  readonly #diffs = new Map<number, Uint8Array<ArrayBuffer>>();
  #traceContext: Uint8Array | undefined = undefined;
  #lastFlushAtMs = Number.NEGATIVE_INFINITY;
  #isFlushDue = false;
  #cancelFlush: () => void = () => {};
  #cancelBeat: () => void = () => {};
  readonly #unlisten: () => void;
  #isClosed = false;

  constructor(clock: VersionedClock, options: PublisherOptions) {
    this.#clock = clock;
    this.#options = {
      name: options.name,
      machineId: options.machineId,
      upstreamPath: options.upstreamPath ?? (() => []),
      ageMs: options.ageMs ?? (() => 0),
      pushIntervalMs: options.pushIntervalMs ?? 0,
      heartbeatIntervalMs: options.heartbeatIntervalMs ?? 500,
      stallTimeoutMs: options.stallTimeoutMs ?? 10_000,
      maxDownstreams: options.maxDownstreams ?? 10_000,
      time: options.time ?? systemTime,
    };
    this.#tracer = options.tracer;
    this.#wallBaseMs = this.#options.time.now();
    this.#unlisten = clock.onChange(() => {
      this.#diffs.clear();
      this.#scheduleFlush();
    });
    this.#scheduleBeat();
  }

  get downstreams(): ReadonlySet<Downstream> {
    return this.#downstreams;
  }

  /** Trace context of the transition that comes next; it goes with the next diff. */
  set traceContext(context: Uint8Array | undefined) {
    this.#traceContext = context;
  }

  /**
   * Opens a stream to `sink`. It starts where the request says that the subscriber stands, with a
   * snapshot if that is no place to continue from; until this node has a clock, or has caught up with
   * the subscriber's, only heartbeats are sent. Throws {@linkcode ReplicationError} if there is no room.
   */
  subscribe(request: SubscribeRequest, sink: Sink): Downstream {
    if (this.#isClosed)
      throw new ReplicationError("unavailable", `Node "${this.#options.name}" is stopping`);
    if (this.#downstreams.size >= this.#options.maxDownstreams) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot subscribe: there are ${this.#downstreams.size} downstreams, the most that this node takes`,
      );
    }
    const downstream = new OpenDownstream(this, this.#clock, request, sink, this.#options.time);
    this.#downstreams.add(downstream);
    this.#tracer?.downstreamOpened?.(request.name);
    this.#send(downstream);
    if (!downstream.hasStarted) this.#beat(downstream);
    return downstream;
  }

  /** Ends all streams, with `error` if given. */
  close(error?: ReplicationError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#unlisten();
    this.#cancelFlush();
    this.#cancelBeat();
    for (const downstream of [...this.#downstreams]) this.end(downstream, error);
  }

  /** For {@linkcode OpenDownstream}: it can be written to again. */
  resume(downstream: OpenDownstream): void {
    if (downstream.isBehind) this.#scheduleFlush();
  }

  /** For {@linkcode OpenDownstream}: ends one stream. */
  end(downstream: OpenDownstream, error?: ReplicationError): void {
    if (!this.#downstreams.delete(downstream)) return;
    const trailer = error === undefined ? {} : { error: toWireError(error) };
    downstream.sink.write(encodeEnvelope(new TextEncoder().encode(JSON.stringify(trailer)), true));
    downstream.sink.close();
    this.#tracer?.downstreamClosed?.(downstream.name, error);
  }

  /** For {@linkcode OpenDownstream}: the other side is gone. */
  forget(downstream: OpenDownstream): void {
    if (this.#downstreams.delete(downstream))
      this.#tracer?.downstreamClosed?.(downstream.name, undefined);
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue || this.#isClosed) return;
    this.#isFlushDue = true;
    const { time, pushIntervalMs } = this.#options;
    const waitMs = this.#lastFlushAtMs + pushIntervalMs - time.monotonic();
    if (waitMs > 0) {
      this.#cancelFlush = time.setTimer(waitMs, () => this.#flush());
      return;
    }
    let isCanceled = false;
    this.#cancelFlush = () => {
      isCanceled = true;
    };
    queueMicrotask(() => {
      if (!isCanceled) this.#flush();
    });
  }

  #flush(): void {
    this.#isFlushDue = false;
    this.#lastFlushAtMs = this.#options.time.monotonic();
    for (const downstream of this.#downstreams) this.#send(downstream);
    this.#traceContext = undefined;
  }

  #scheduleBeat(): void {
    const { time, heartbeatIntervalMs } = this.#options;
    // Twice as often as announced: then an interval never passes without a message.
    this.#cancelBeat = time.setTimer(heartbeatIntervalMs / 2, () => {
      const now = time.monotonic();
      for (const downstream of [...this.#downstreams]) {
        if (downstream.isStalled) {
          if (now - downstream.stalledAtMs >= this.#options.stallTimeoutMs) {
            this.end(
              downstream,
              new ReplicationError(
                "resource_exhausted",
                `Downstream "${downstream.name}" took nothing for ${this.#options.stallTimeoutMs} ms`,
              ),
            );
          }
        } else if (
          now - downstream.sentAtMs >= heartbeatIntervalMs / 2 &&
          !(downstream.hasStarted && downstream.isBehind)
        ) {
          this.#beat(downstream);
        }
      }
      this.#scheduleBeat();
    });
  }

  /** Sends what a downstream lacks, if it lacks anything and can be written to. */
  #send(downstream: OpenDownstream): void {
    const { epoch, seq } = this.#clock;
    if (epoch === "" || downstream.isStalled) return;
    if (downstream.epoch === epoch && downstream.cursor > seq) return;
    if (!downstream.hasStarted || downstream.epoch !== epoch) {
      this.#sendStart(downstream);
    } else if (downstream.cursor < seq) {
      const before = downstream.cursor;
      let envelope = this.#diffs.get(before);
      if (envelope === undefined) {
        envelope = encodeEnvelope(encodeClockMessage(this.#message(before)));
        this.#diffs.set(before, envelope);
      }
      this.#write(downstream, envelope, "diff", before);
    }
  }

  #sendStart(downstream: OpenDownstream): void {
    const { epoch, schema, names, ticks } = this.#clock;
    const before = downstream.cursor;
    const continues = downstream.epoch === epoch;
    const hash = this.#hash();
    const message: ClockMessage = {
      ...this.#message(continues ? before : this.#clock.seq),
      start: {
        epoch,
        wallTimeMs: this.#wallBaseMs,
        heartbeatIntervalMs: this.#options.heartbeatIntervalMs,
        path: [...this.#options.upstreamPath(), this.#options.name],
        machineId: this.#options.machineId,
        schema: downstream.schemaHash === hash ? undefined : { schema, names },
        ticks: continues ? undefined : Array.from(ticks),
      },
    };
    downstream.hasStarted = true;
    downstream.epoch = epoch;
    downstream.schemaHash = hash;
    this.#write(
      downstream,
      encodeEnvelope(encodeClockMessage(message)),
      continues ? "diff" : "snapshot",
      before,
    );
  }

  #beat(downstream: OpenDownstream): void {
    const message = this.#message(this.#clock.seq);
    this.#write(
      downstream,
      encodeEnvelope(encodeClockMessage(message)),
      "heartbeat",
      downstream.cursor,
    );
  }

  #write(
    downstream: OpenDownstream,
    envelope: Uint8Array<ArrayBuffer>,
    kind: Kind,
    seqBefore: number,
  ): void {
    const { seq } = this.#clock;
    if (kind !== "heartbeat") {
      downstream.cursor = seq;
      downstream.pushes++;
    }
    downstream.bytesSent += envelope.length;
    downstream.sentAtMs = this.#options.time.monotonic();
    if (!downstream.sink.write(envelope)) downstream.stalledAtMs = downstream.sentAtMs;
    this.#tracer?.pushed?.({
      downstream: downstream.name,
      kind,
      seqBefore,
      seq,
      bytes: envelope.length,
    });
  }

  /** The diff from `cursor` to now; a heartbeat if there is nothing between. */
  #message(cursor: number): ClockMessage {
    const clock = this.#clock;
    const changed: number[] = [];
    clock.forEachChangedSince(cursor, (index) => changed.push(index));
    const indexes = Uint32Array.from(changed).sort();
    return {
      seq: clock.seq,
      indexes,
      ticks: Float64Array.from(indexes, (index) => clock.ticks[index]!),
      checksum: clock.checksum,
      wallDeltaMs: Math.round(clock.changedAtMs - this.#wallBaseMs),
      ageMs: Math.min(Number.MAX_SAFE_INTEGER, Math.round(this.#options.ageMs())),
      traceContext: indexes.length > 0 ? this.#traceContext : undefined,
      start: undefined,
    };
  }

  #hash(): string {
    const { epoch, schema, names } = this.#clock;
    // A new schema is a new epoch.
    if (this.#schemaHash.epoch !== epoch)
      this.#schemaHash = { epoch, hash: hashSchema(schema, names) };
    return this.#schemaHash.hash;
  }
}

class OpenDownstream implements Downstream {
  readonly name: string;
  readonly sink: Sink;
  readonly #publisher: Publisher;
  readonly #clock: VersionedClock;
  readonly #time: TimeSource;
  /** Epoch and seq that it has been sent up to; before its start, what it said that it has. */
  epoch: string;
  cursor: number;
  schemaHash: string;
  hasStarted = false;
  bytesSent = 0;
  pushes = 0;
  sentAtMs: number;
  /** When its buffer became full; NaN if it is not. */
  stalledAtMs = Number.NaN;

  constructor(
    publisher: Publisher,
    clock: VersionedClock,
    request: SubscribeRequest,
    sink: Sink,
    time: TimeSource,
  ) {
    this.#publisher = publisher;
    this.#clock = clock;
    this.#time = time;
    this.name = request.name;
    this.sink = sink;
    this.epoch = request.epoch;
    this.cursor = request.seq;
    this.schemaHash = request.schemaHash;
    this.sentAtMs = time.monotonic();
  }

  get seq(): number {
    return this.epoch === this.#clock.epoch ? this.cursor : 0;
  }

  get isBehind(): boolean {
    return this.epoch !== this.#clock.epoch || this.cursor < this.#clock.seq;
  }

  get lagSeq(): number {
    return Math.max(0, this.#clock.seq - this.seq);
  }

  get lagMs(): number {
    return this.isBehind ? this.#time.monotonic() - this.sentAtMs : 0;
  }

  get isStalled(): boolean {
    return !Number.isNaN(this.stalledAtMs);
  }

  drained(): void {
    if (!this.isStalled) return;
    this.stalledAtMs = Number.NaN;
    this.#publisher.resume(this);
  }

  close(): void {
    this.#publisher.forget(this);
  }
}
