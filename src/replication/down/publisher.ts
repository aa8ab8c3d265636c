/**
 * The publisher: pushes a clock to its downstreams. Each has a cursor, the last seq that was pushed to it;
 * a diff from any cursor is read off the clock, so nothing is queued for a slow downstream.
 */

import { ReplicationError } from "../clock/errors.ts";
import type { Selection } from "../clock/selection.ts";
import { systemTime, type TimeSource } from "../clock/time_source.ts";
import type { VersionedClock } from "../clock/versioned_clock.ts";
import { encodeEnvelope, toWireError } from "../wire/connect.ts";
import type { ProbeResponse, SubscribeRequest } from "../wire/messages.ts";
import { type Downstream, OpenDownstream, type Sink } from "./downstream.ts";
import { PublishedViews } from "./published_views.ts";
import { FanOut, PushRounds } from "./push_rounds.ts";
import { SenderInfo } from "./sender_info.ts";
import type { DownstreamTracer, PushedEvent } from "./tracer.ts";

export interface PublisherOptions {
  /** Name of this node, the last of the path that downstreams receive. */
  readonly name: string;
  /** A function where the id comes from upstream. Read for each new stream, not before this node has a clock. */
  readonly machineId: string | (() => string);
  /** Returns the node names from the root to this one's upstream; empty on the root. Read for each new stream. */
  readonly upstreamPath?: () => readonly string[];
  /** Returns the milliseconds since this node last had proof that it was up to date with the root. Default 0, as on the root. */
  readonly ageMs?: () => number;
  /**
   * Least milliseconds between two diffs to one downstream; 0 pushes as soon as waiting mutations have had
   * their turn, but at most 4,000 times a second. Default 0.
   */
  readonly pushIntervalMs?: number;
  /** Default 500. */
  readonly heartbeatIntervalMs?: number;
  /** A downstream that reads nothing for this long, in milliseconds, is closed. Default 10,000. */
  readonly stallTimeoutMs?: number;
  /** Most downstreams at the same time; one more is refused. Default 10,000. */
  readonly maxDownstreams?: number;
  /** The states of this node's clock, if it follows a selection; a subscriber that requests more is refused. */
  readonly selection?: Selection | undefined;
  /** Most distinct selections of downstreams at the same time; one more is refused. Default 1,000. */
  readonly maxSelections?: number;
  readonly time?: TimeSource;
  readonly tracer?: DownstreamTracer;
}

export class Publisher {
  readonly #clock: VersionedClock;
  readonly #options: Required<Omit<PublisherOptions, "tracer" | "selection" | "maxSelections">>;
  readonly #tracer: DownstreamTracer | undefined;
  readonly #downstreams = new Set<OpenDownstream>();
  readonly #sender: SenderInfo;
  readonly #views: PublishedViews;
  /** Whether a downstream is ahead, and waits for this node to catch up. */
  #isAwaited = false;
  readonly #pushes: PushRounds<OpenDownstream>;
  readonly #beats: FanOut<OpenDownstream>;
  #cancelBeat: () => void = () => {};
  readonly #owner = {
    resume: (downstream: OpenDownstream) => this.#resume(downstream),
    forget: (downstream: OpenDownstream) => this.#remove(downstream, undefined),
  };
  readonly #unlisten: () => void;
  readonly #unlistenEnd: () => void;
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
    const { time, pushIntervalMs } = this.#options;
    this.#tracer = options.tracer;
    this.#sender = new SenderInfo(this.#options);
    this.#views = new PublishedViews(clock, this.#sender, {
      selection: options.selection,
      maxSelections: options.maxSelections ?? 1_000,
    });
    this.#pushes = new PushRounds(time, pushIntervalMs, this.#downstreams, (downstream) =>
      this.#push(downstream),
    );
    this.#beats = new FanOut(
      time,
      (downstream) => this.#keepAlive(downstream),
      () => this.#scheduleBeat(),
    );
    this.#unlisten = clock.onChange((change) => {
      const isDue = this.#views.follow(change);
      if (change.type === "reset") this.#endImpossible();
      if (isDue || this.#isAwaited) this.#pushes.request();
      this.#isAwaited = false;
    });
    this.#unlistenEnd = clock.onEnd((reason) => this.close(reason));
    this.#scheduleBeat();
  }

  /** The response to a probe of the clock that stamps the messages. */
  probe(): ProbeResponse {
    return this.#sender.probe();
  }

  get downstreams(): ReadonlySet<Downstream> {
    return this.#downstreams;
  }

  /**
   * Opens a stream to `sink`. It starts at the seq in the request, or with a snapshot if it cannot continue
   * from there. Until this node has a clock that is not behind the subscriber's, it sends only heartbeats.
   * Throws {@linkcode ReplicationError} if there is no room, or for a selection that cannot be served.
   */
  subscribe(request: SubscribeRequest, sink: Sink): Downstream {
    this.#checkSubscriber(request.name);
    const downstream = new OpenDownstream(
      this.#owner,
      this.#views.acquire(request.selection),
      request,
      sink,
      this.#options.time,
    );
    this.#downstreams.add(downstream);
    this.#tracer?.downstreamOpened?.(request.name);
    this.#push(downstream);
    if (!downstream.hasStarted) this.#beat(downstream);
    return downstream;
  }

  #checkSubscriber(subscriber: string): void {
    const { name, maxDownstreams } = this.#options;
    if (this.#clock.ended !== undefined) throw this.#clock.ended;
    if (this.#isClosed || this.#drained !== undefined)
      throw new ReplicationError("unavailable", `Node "${name}" is stopping`);
    if (subscriber === name) {
      // It would never get a clock, or only a path that it refuses.
      throw new ReplicationError(
        "failed_precondition",
        `Cannot subscribe: "${subscriber}" is this node's own name, and no node is upstream of itself`,
      );
    }
    if (this.#downstreams.size >= maxDownstreams) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot subscribe: there are ${this.#downstreams.size} downstreams, the most that this node accepts`,
      );
    }
  }

  /**
   * Requests that all downstreams follow another node, and accepts no new ones; those that stay still receive
   * changes. Resolves once the last has left, which may be never.
   */
  drain(): Promise<void> {
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers();
      this.#sender.isDraining = true;
      const messages = new FanOut<OpenDownstream>(this.#options.time, (downstream) => {
        if (downstream.isStalled) return false;
        if (!this.#push(downstream)) this.#beat(downstream);
        return true;
      });
      messages.start(this.#downstreams);
      if (this.#downstreams.size === 0) this.#drained.resolve();
    }
    return this.#drained.promise;
  }

  /** Pushes what downstreams lack, then ends all streams, with `error` if given. */
  close(error?: ReplicationError): void {
    if (this.#isClosed) return;
    for (const downstream of this.#downstreams) this.#push(downstream);
    this.#isClosed = true;
    this.#unlisten();
    this.#unlistenEnd();
    this.#cancelBeat();
    this.#pushes.stop();
    this.#beats.stop();
    for (const downstream of [...this.#downstreams]) this.#end(downstream, error);
  }

  #resume(downstream: OpenDownstream): void {
    if (this.#isDue(downstream)) this.#pushes.request();
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

  /** After a change of the schema: ends streams whose selection names states that no longer exist. */
  #endImpossible(): void {
    for (const downstream of [...this.#downstreams]) {
      if (downstream.view.error !== undefined) this.#end(downstream, downstream.view.error);
    }
  }

  /** Ends a stream whose downstream reads nothing: it would not read the reason either. */
  #cut(downstream: OpenDownstream): void {
    const error = new ReplicationError(
      "resource_exhausted",
      `Downstream "${downstream.name}" read nothing for ${this.#options.stallTimeoutMs} ms`,
    );
    downstream.sink.abort(error);
    this.#remove(downstream, error);
  }

  #scheduleBeat(): void {
    if (this.#isClosed) return;
    // Twice as often as announced, so that an interval never passes without a message.
    this.#cancelBeat = this.#options.time.setTimer(this.#options.heartbeatIntervalMs / 2, () => {
      if (this.#downstreams.size > 0) this.#updatePath();
      this.#beats.start(this.#downstreams);
    });
  }

  /** Sends a heartbeat to a quiet downstream, and cuts one that reads nothing. Returns whether it wrote. */
  #keepAlive(downstream: OpenDownstream): boolean {
    const { time, heartbeatIntervalMs, stallTimeoutMs } = this.#options;
    const now = time.monotonic();
    if (downstream.isStalled) {
      if (now - downstream.stalledAtMs >= stallTimeoutMs) this.#cut(downstream);
      return false;
    }
    // With a selection, the seq moves on without a diff, and someone may wait for that version.
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

  /** Pushes what a downstream lacks, if it lacks anything and can be written to. Returns whether it wrote. */
  #push(downstream: OpenDownstream): boolean {
    const { epoch, seq } = this.#clock;
    if (epoch === "" || downstream.isStalled) return false;
    if (downstream.epoch === epoch && downstream.cursor > seq) {
      this.#isAwaited = true;
      return false;
    }
    const hasStarted = downstream.hasStarted && downstream.epoch === epoch;
    if (!hasStarted || downstream.pathNumber !== this.#sender.pathNumber) {
      this.#pushStart(downstream);
      return true;
    }
    if (!downstream.isBehind) return false;
    const { view, cursor } = downstream;
    const { envelope, isDiff } = view.encode(cursor, this.#trace(downstream, cursor));
    this.#write(downstream, envelope, isDiff ? "diff" : "heartbeat", cursor);
    return true;
  }

  /** The trace contexts that a diff from `cursor` carries to this downstream; undefined for those of the view. */
  #trace(downstream: OpenDownstream, cursor: number): readonly Uint8Array[] | undefined {
    if (this.#tracer?.pushing === undefined) return undefined;
    const traceContexts = downstream.view.traceContextsSince(cursor);
    if (traceContexts.length === 0) return undefined;
    const { name } = downstream;
    const { seq } = this.#clock;
    return this.#tracer.pushing({ downstream: name, seqBefore: cursor, seq, traceContexts });
  }

  #pushStart(downstream: OpenDownstream): void {
    const { view, selection, cursor } = downstream;
    this.#updatePath();
    const isSchemaKnown = downstream.schemaHash === view.schemaHash;
    // With another schema, other states are selected: another clock, even at the same version.
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

  /** Sends all downstreams a path that has changed: only that finds circles that close later. */
  #updatePath(): void {
    if (this.#sender.updatePath()) this.#pushes.request();
  }

  #write(
    downstream: OpenDownstream,
    envelope: Uint8Array<ArrayBuffer>,
    kind: PushedEvent["kind"],
    seqBefore: number,
  ): void {
    const { seq } = this.#clock;
    // After the start, a heartbeat proves the seq as well.
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
