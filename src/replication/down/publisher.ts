/**
 * The publisher: sends a clock to its downstreams. Each has a cursor, the seq that it has been sent
 * up to; a diff from any cursor is read off the clock, so nothing is queued for whoever is slow.
 */

import { ReplicationError, toWireError } from "../clock/errors.ts";
import type { Selection } from "../clock/selection.ts";
import { systemTime, type TimeSource } from "../clock/time_source.ts";
import type { VersionedClock } from "../clock/versioned_clock.ts";
import type { ReplicationTracer } from "../tracer.ts";
import { encodeEnvelope } from "../wire/envelope.ts";
import type { ProbeResponse, SubscribeRequest } from "../wire/messages.ts";
import { type Downstream, OpenDownstream, type Sink } from "./downstream.ts";
import { FanOut } from "./fan_out.ts";
import { SelectionViews } from "./selection_views.ts";
import { Sender } from "./sender.ts";

export interface PublisherOptions {
  /** Name of this node, the last of the path that downstreams are told. */
  readonly name: string;
  readonly machineId: string;
  /** Node names from the root to this one's upstream; empty on the root. Asked for each new stream. */
  readonly upstreamPath?: () => readonly string[];
  /** How long ago this node last had proof of being up to date with the root, in milliseconds. Default 0, as on the root. */
  readonly ageMs?: () => number;
  /**
   * Least milliseconds between two diffs to one downstream; 0 sends as soon as mutations that wait have
   * had their turn, but no more than 4,000 times a second. Default 0.
   */
  readonly pushIntervalMs?: number;
  /** Default 500. */
  readonly heartbeatIntervalMs?: number;
  /** A downstream that takes nothing for this long is closed, in milliseconds. Default 10,000. */
  readonly stallTimeoutMs?: number;
  /** Downstreams at the same time; one more is refused. Default 10,000. */
  readonly maxDownstreams?: number;
  /** The states that this node's clock has, if it follows a selection; who asks for more is refused. */
  readonly selection?: Selection | undefined;
  /** Distinct selections of downstreams at the same time; one more is refused. Default 1,000. */
  readonly maxSelections?: number;
  readonly time?: TimeSource;
  readonly tracer?: ReplicationTracer;
}

type Kind = "snapshot" | "diff" | "heartbeat";

const NO_CONTEXTS: readonly Uint8Array[] = [];

/**
 * Between two diffs, also where none is asked for. A source whose changes come faster, thousands in a
 * second, would send more than its downstreams take: what they are shown then comes later, not sooner.
 */
const LEAST_INTERVAL_MS = 0.25;

/**
 * A round of pushes that took so many milliseconds is followed by a rest of this share of its time: with so
 * many downstreams, rounds without a rest would keep a processor to themselves, and mutations waiting for it.
 */
const LONG_ROUND_MS = 4;
const REST = 0.5;

export class Publisher {
  readonly #clock: VersionedClock;
  readonly #options: Required<Omit<PublisherOptions, "tracer" | "selection" | "maxSelections">>;
  readonly #tracer: ReplicationTracer | undefined;
  readonly #downstreams = new Set<OpenDownstream>();
  readonly #sender: Sender;
  readonly #views: SelectionViews;
  #nextTraceContexts: readonly Uint8Array[] = NO_CONTEXTS;
  /** Whether a downstream is ahead, and waits for this node to catch up. */
  #isAwaited = false;
  #lastFlushAtMs = Number.NEGATIVE_INFINITY;
  #restUntilMs = Number.NEGATIVE_INFINITY;
  #isFlushDue = false;
  #cancelFlush: () => void = () => {};
  #cancelBeat: () => void = () => {};
  readonly #flushes: FanOut<OpenDownstream>;
  readonly #beats: FanOut<OpenDownstream>;
  readonly #owner = {
    resume: (downstream: OpenDownstream) => this.#resume(downstream),
    forget: (downstream: OpenDownstream) => this.#forget(downstream),
  };
  readonly #unlisten: () => void;
  #isClosed = false;
  /** Resolves once the last downstream has left, after {@linkcode drain}. */
  #drained: PromiseWithResolvers<void> | undefined = undefined;

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
    this.#sender = new Sender(this.#options);
    this.#views = new SelectionViews(clock, this.#sender, {
      selection: options.selection,
      maxSelections: options.maxSelections ?? 1_000,
    });
    const { time } = this.#options;
    this.#flushes = new FanOut(
      time,
      (downstream) => this.#send(downstream),
      () => {
        const now = time.monotonic();
        const tookMs = now - this.#lastFlushAtMs;
        this.#restUntilMs = tookMs >= LONG_ROUND_MS ? now + tookMs * REST : now;
        if (this.#isFlushDue) this.#armFlush();
      },
    );
    this.#beats = new FanOut(
      time,
      (downstream) => this.#keepUp(downstream),
      () => this.#scheduleBeat(),
    );
    this.#unlisten = clock.onChange((change) => {
      const isDue = this.#views.follow(change, this.#nextTraceContexts);
      this.#nextTraceContexts = NO_CONTEXTS;
      if (change.type === "reset") this.#endImpossible();
      if (isDue || this.#isAwaited) this.#scheduleFlush();
      this.#isAwaited = false;
    });
    this.#scheduleBeat();
  }

  /** The answer to a probe of the clock that stamps its messages. */
  probe(): ProbeResponse {
    return this.#sender.probe();
  }

  get downstreams(): ReadonlySet<Downstream> {
    return this.#downstreams;
  }

  /** Trace contexts of the transitions that the next change of the clock stands for; they go with the diffs that hold it. */
  set traceContexts(contexts: readonly Uint8Array[]) {
    this.#nextTraceContexts = contexts;
  }

  /**
   * Opens a stream to `sink`. It starts where the request says that the subscriber stands, with a
   * snapshot if that is no place to continue from; until this node has a clock, or has caught up with
   * the subscriber's, only heartbeats are sent. Throws {@linkcode ReplicationError} if there is no room,
   * or for a selection that cannot be served.
   */
  subscribe(request: SubscribeRequest, sink: Sink): Downstream {
    if (this.#isClosed || this.#drained !== undefined)
      throw new ReplicationError("unavailable", `Node "${this.#options.name}" is stopping`);
    if (request.name === this.#options.name) {
      // Nothing would come of it: no clock ever, or a path that it refuses.
      throw new ReplicationError(
        "failed_precondition",
        `Cannot subscribe: "${request.name}" is this node's own name, and no node is upstream of itself`,
      );
    }
    if (this.#downstreams.size >= this.#options.maxDownstreams) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot subscribe: there are ${this.#downstreams.size} downstreams, the most that this node takes`,
      );
    }
    const downstream = new OpenDownstream(
      this.#owner,
      this.#views.acquire(request.selection),
      request,
      sink,
      this.#options.time,
    );
    this.#downstreams.add(downstream);
    this.#tracer?.downstreamOpened?.(request.name);
    this.#send(downstream);
    if (!downstream.hasStarted) this.#beat(downstream);
    return downstream;
  }

  /**
   * Tells all downstreams to follow another node, and takes no new ones; those that stay are still
   * sent what changes. Resolves once the last has left, which the caller must not count on.
   */
  drain(): Promise<void> {
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers();
      this.#sender.isDraining = true;
      const told = new FanOut<OpenDownstream>(this.#options.time, (downstream) =>
        this.#tell(downstream),
      );
      told.start(this.#downstreams);
      if (this.#downstreams.size === 0) this.#drained.resolve();
    }
    return this.#drained.promise;
  }

  /** Ends all streams, with `error` if given, after what they lack. */
  close(error?: ReplicationError): void {
    if (this.#isClosed) return;
    for (const downstream of this.#downstreams) this.#send(downstream);
    this.#isClosed = true;
    this.#unlisten();
    this.#cancelFlush();
    this.#cancelBeat();
    this.#flushes.stop();
    this.#beats.stop();
    for (const downstream of [...this.#downstreams]) this.#end(downstream, error);
  }

  /** Says what there is to say now. Returns whether it could. */
  #tell(downstream: OpenDownstream): boolean {
    if (downstream.isStalled) return false;
    if (!this.#send(downstream)) this.#beat(downstream);
    return true;
  }

  #resume(downstream: OpenDownstream): void {
    if (this.#isDue(downstream)) this.#scheduleFlush();
  }

  #forget(downstream: OpenDownstream): void {
    this.#remove(downstream, undefined);
  }

  #remove(downstream: OpenDownstream, error: ReplicationError | undefined): void {
    if (!this.#downstreams.delete(downstream)) return;
    this.#views.release(downstream.view);
    this.#tracer?.downstreamClosed?.(downstream.name, error);
    if (this.#downstreams.size === 0) this.#drained?.resolve();
  }

  #end(downstream: OpenDownstream, error: ReplicationError | undefined): void {
    const trailer = error === undefined ? {} : { error: toWireError(error) };
    downstream.sink.write(encodeEnvelope(new TextEncoder().encode(JSON.stringify(trailer)), true));
    downstream.sink.close();
    this.#remove(downstream, error);
  }

  /** After a change of the schema: ends streams whose selection names states that are no more. */
  #endImpossible(): void {
    for (const downstream of [...this.#downstreams]) {
      if (downstream.view.error !== undefined) this.#end(downstream, downstream.view.error);
    }
  }

  /** Ends a stream whose reader takes nothing: it would not take the reason either. */
  #cut(downstream: OpenDownstream): void {
    const error = new ReplicationError(
      "resource_exhausted",
      `Downstream "${downstream.name}" took nothing for ${this.#options.stallTimeoutMs} ms`,
    );
    downstream.sink.abort(error);
    this.#remove(downstream, error);
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue || this.#isClosed) return;
    this.#isFlushDue = true;
    if (!this.#flushes.isUnderWay) this.#armFlush();
  }

  #armFlush(): void {
    const { time, pushIntervalMs } = this.#options;
    const intervalMs = Math.max(pushIntervalMs, LEAST_INTERVAL_MS);
    const dueAtMs = Math.max(this.#lastFlushAtMs + intervalMs, this.#restUntilMs);
    const waitMs = dueAtMs - time.monotonic();
    const flush = () => {
      this.#isFlushDue = false;
      this.#lastFlushAtMs = time.monotonic();
      this.#flushes.start(this.#downstreams);
    };
    // Never at once: mutations that wait go first, and what they change goes in one diff.
    this.#cancelFlush = waitMs > 0 ? time.setTimer(waitMs, flush) : time.defer(flush);
  }

  #scheduleBeat(): void {
    if (this.#isClosed) return;
    // Twice as often as announced: then an interval never passes without a message.
    this.#cancelBeat = this.#options.time.setTimer(this.#options.heartbeatIntervalMs / 2, () => {
      if (this.#downstreams.size > 0) this.#updatePath();
      this.#beats.start(this.#downstreams);
    });
  }

  /** Gives a downstream that was sent nothing lately a sign of life, and gives up one that takes nothing. Returns whether it was written to. */
  #keepUp(downstream: OpenDownstream): boolean {
    const { time, heartbeatIntervalMs, stallTimeoutMs } = this.#options;
    const now = time.monotonic();
    if (downstream.isStalled) {
      if (now - downstream.stalledAtMs >= stallTimeoutMs) this.#cut(downstream);
      return false;
    }
    // With a selection, the seq moves on without a diff: whoever waits for a version is to learn of it.
    const isQuiet =
      now - downstream.sentAtMs >= heartbeatIntervalMs / 2 || downstream.seq < this.#clock.seq;
    if (!isQuiet || (downstream.hasStarted && this.#isDue(downstream))) return false;
    this.#beat(downstream);
    return true;
  }

  /** Whether more than a heartbeat is due. */
  #isDue(downstream: OpenDownstream): boolean {
    return downstream.isBehind || downstream.pathNumber !== this.#sender.pathNumber;
  }

  /** Sends what a downstream lacks, if it lacks anything and can be written to. Returns whether it was. */
  #send(downstream: OpenDownstream): boolean {
    const { epoch, seq } = this.#clock;
    if (epoch === "" || downstream.isStalled) return false;
    if (downstream.epoch === epoch && downstream.cursor > seq) {
      this.#isAwaited = true;
      return false;
    }
    const hasStarted = downstream.hasStarted && downstream.epoch === epoch;
    if (!hasStarted || downstream.pathNumber !== this.#sender.pathNumber) {
      this.#sendStart(downstream);
      return true;
    }
    if (!downstream.isBehind) return false;
    const { view, cursor } = downstream;
    const { envelope, isDiff } = view.encode(cursor, this.#trace(downstream, cursor));
    this.#write(downstream, envelope, isDiff ? "diff" : "heartbeat", cursor);
    return true;
  }

  /** The trace contexts that a diff from `cursor` is to tell this downstream; undefined for those that the view has. */
  #trace(downstream: OpenDownstream, cursor: number): readonly Uint8Array[] | undefined {
    if (this.#tracer?.publishing === undefined) return undefined;
    const traceContexts = downstream.view.tracedSince(cursor);
    if (traceContexts.length === 0) return undefined;
    const { name } = downstream;
    const { seq } = this.#clock;
    return this.#tracer.publishing({ downstream: name, seqBefore: cursor, seq, traceContexts });
  }

  #sendStart(downstream: OpenDownstream): void {
    const { view, selection, cursor } = downstream;
    this.#updatePath();
    const isSchemaKnown = downstream.schemaHash === view.schemaHash;
    // Other states are another clock, also at the same version.
    const continues = downstream.epoch === view.epoch && isSchemaKnown;
    const { envelope } = view.encodeStart({
      cursor: continues ? cursor : undefined,
      isSchemaKnown,
      selection,
      traceContexts: continues ? this.#trace(downstream, cursor) : undefined,
    });
    downstream.hasStarted = true;
    downstream.epoch = view.epoch;
    downstream.schemaHash = view.schemaHash;
    downstream.pathNumber = this.#sender.pathNumber;
    this.#write(downstream, envelope, continues ? "diff" : "snapshot", cursor);
  }

  #beat(downstream: OpenDownstream): void {
    const { envelope } = downstream.view.encode(this.#clock.seq);
    this.#write(downstream, envelope, "heartbeat", downstream.cursor);
  }

  /** Tells all downstreams when this node has another way to the root: only so are circles found that close later. */
  #updatePath(): void {
    if (this.#sender.updatePath()) this.#scheduleFlush();
  }

  #write(
    downstream: OpenDownstream,
    envelope: Uint8Array<ArrayBuffer>,
    kind: Kind,
    seqBefore: number,
  ): void {
    const { seq } = this.#clock;
    // A heartbeat proves the seq as well, to those that have begun.
    if (downstream.hasStarted) downstream.cursor = seq;
    if (kind !== "heartbeat") downstream.pushes++;
    downstream.bytesSent += envelope.length;
    downstream.sentAtMs = this.#options.time.monotonic();
    if (!downstream.sink.write(envelope)) downstream.stalledAtMs = downstream.sentAtMs;
    if (this.#tracer?.pushed === undefined) return;
    const { firstSeq, changes } = downstream.view.changesSince(seqBefore);
    this.#tracer.pushed({
      downstream: downstream.name,
      kind,
      seqBefore,
      seq,
      firstSeq,
      changes,
      bytes: envelope.length,
    });
  }
}
