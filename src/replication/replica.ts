/**
 * The replica: follows a clock upstream. It is always either right, or catching up and saying so:
 * nothing is applied whose checksum does not prove it, and the age of what it serves only counts from
 * proof. It reconnects for ever; meanwhile it goes on serving what it has.
 */

import { type Applied, applyChanges, applySnapshot, ResyncNeeded } from "./apply.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { sendMutation, type Transport } from "./client.ts";
import { ReplicationError } from "./errors.ts";
import { type Begun, beginInTime, beginWithAny, type Candidate } from "./handover.ts";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";
import type {
  ClockMessage,
  MutationReply,
  MutationRequest,
  Start,
  SubscribeRequest,
} from "./messages.ts";
import { hashSchema, type SchemaLimits } from "./schema_codec.ts";
import { checkSelected, type Selection } from "./selection.ts";
import type { MutateOptions } from "./server.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import type { LinkMove, ReplicationTracer, ResyncReason } from "./tracer.ts";
import { type Received, UpstreamStream } from "./upstream_stream.ts";
import { VersionedClock } from "./versioned_clock.ts";
import { Gate, sleep } from "./waiting.ts";

export interface ReplicaOptions {
  /** Name of this node. */
  readonly name: string;
  /** host:port of the nodes upstream, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly transport: Transport;
  /** How long a new stream may stay silent before its own interval is known, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** How long an upstream may have no clock, or one behind ours, in milliseconds. Default 5,000. */
  readonly syncTimeoutMs?: number;
  /** While another than the preferred upstream is followed: longest wait before that one is tried, in milliseconds. Default 30,000. */
  readonly preferredRetryMs?: number;
  /** Age of the upstream's own clock from which another upstream is sought, in milliseconds. Default 3,000. */
  readonly maxUpstreamAgeMs?: number;
  /** Longest that a mutation waits for a link that is not live before it is refused, in milliseconds. Default 1,000. */
  readonly forwardWaitMs?: number;
  readonly backoff?: BackoffOptions;
  readonly schemaLimits?: SchemaLimits;
  /** The states to follow; all if absent. They are then this node's whole clock. */
  readonly selection?: Selection | undefined;
  readonly time?: TimeSource;
  /** Gives [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  readonly tracer?: ReplicationTracer;
}

/** A link that has held for this long, in milliseconds, was good: its loss is the first failure. */
const STABLE_AFTER_MS = 1_000;
/** Other upstreams than one that is cut off itself are tried at the pace of this many failures. */
const SEEK_BACKOFF = 6;

export class Replica {
  readonly clock = new VersionedClock();
  readonly #options: ReplicaOptions;
  readonly #time: TimeSource;
  readonly #random: () => number;
  readonly #abort = new AbortController();
  #status: LinkStatus = "connecting";
  #addressIndex = 0;
  #failures = 0;
  #reconnects = 0;
  readonly #resyncs = new Map<ResyncReason, number>();
  #bytesReceived = 0;
  #machineId = "";
  #path: readonly string[] = [];
  /** Monotonic time at which this clock was proven to be the root's. */
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #hasSynced = false;
  /** After a resync: nothing of ours is named to the upstream, so that it sends all. */
  #isTrusted = true;
  #isSchemaTrusted = true;
  /** A stream that takes the place of the one in use. */
  #handover: Begun | undefined = undefined;
  /** Open while the link is live. */
  readonly #live: Gate;
  #running: Promise<void> | undefined = undefined;
  #lastError: ReplicationError | undefined = undefined;

  /** Throws `RangeError` without an address. */
  constructor(options: ReplicaOptions) {
    if (options.addresses.length === 0)
      throw new RangeError("Cannot create a replica: it has no address upstream");
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#random = options.random ?? Math.random;
    this.#live = new Gate(this.#time);
  }

  get status(): LinkStatus {
    return this.#status;
  }

  /** The address in use, or the one tried next. */
  get address(): string {
    return this.#options.addresses[this.#addressIndex]!;
  }

  /** Id of the machine upstream; empty before the first sync. */
  get machineId(): string {
    return this.#machineId;
  }

  /** Node names from the root to the node upstream; empty before the first sync. */
  get path(): readonly string[] {
    return this.#path;
  }

  /** Milliseconds since this clock was last proven to be the root's; Infinity before the first sync. */
  ageMs(): number {
    return this.#time.monotonic() - this.#provenAtMs;
  }

  /** Times that a link was made again after a loss. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Snapshots taken because of something wrong, by reason. */
  get resyncs(): ReadonlyMap<ResyncReason, number> {
    return this.#resyncs;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Why the link was lost the last time. */
  get lastError(): ReplicationError | undefined {
    return this.#lastError;
  }

  get #maxUpstreamAgeMs(): number {
    return this.#options.maxUpstreamAgeMs ?? 3_000;
  }

  /** Starts to follow. To be called once. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Stops following, for good. */
  async close(): Promise<void> {
    this.#move("closed");
    this.#abort.abort();
    await this.#running;
  }

  /**
   * Has the root run a mutation. Throws {@linkcode ReplicationError}; after `deadline_exceeded`, and
   * after `unavailable` other than for a link that is not live, it may have run all the same.
   */
  async mutate(request: MutationRequest, options: MutateOptions): Promise<MutationReply> {
    const { transport, tracer, forwardWaitMs = 1_000 } = this.#options;
    const startedAtMs = this.#time.monotonic();
    try {
      // Only a live link leads to the root: nodes that know of none would send it round in a circle.
      if (!(await this.#live.pass(Math.min(options.timeoutMs, forwardWaitMs), options.signal))) {
        throw new ReplicationError(
          "unavailable",
          `Cannot forward the mutation: the link to ${this.address} is ${this.#status}${this.#lastError ? ` (${this.#lastError.message})` : ""}`,
        );
      }
      const timeoutMs = options.timeoutMs - (this.#time.monotonic() - startedAtMs);
      const reply = await sendMutation(transport, this.address, request, { ...options, timeoutMs });
      tracer?.forwarded?.(request, reply);
      return reply;
    } catch (thrown) {
      const error = ReplicationError.from(thrown);
      tracer?.forwarded?.(request, error);
      throw error;
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const { stream, first } = this.#handover ?? { stream: this.#open(this.address) };
      this.#handover = undefined;
      const startedAtMs = this.#time.monotonic();
      let isResync = false;
      try {
        await this.#follow(stream, first);
        throw new ReplicationError("unavailable", `${stream.address} ended the stream`);
      } catch (thrown) {
        if (signal.aborted || this.#handover !== undefined) continue;
        isResync = thrown instanceof ResyncNeeded;
        if (thrown instanceof ResyncNeeded) this.#resync(thrown);
        else this.#lose(ReplicationError.from(thrown));
      }
      if (this.#provenAtMs - startedAtMs >= STABLE_AFTER_MS) this.#failures = 0;
      this.#failures++;
      // A snapshot is due at once, but not again and again from a peer that goes on being wrong.
      if (isResync && this.#failures === 1) continue;
      this.#addressIndex = (this.#addressIndex + 1) % this.#options.addresses.length;
      await sleep(
        this.#time,
        backoffMs(this.#failures, this.#random, this.#options.backoff),
        signal,
      );
    }
    this.#handover?.stream.close();
  }

  #lose(error: ReplicationError): void {
    this.#lastError = error;
    this.#options.tracer?.linkLost?.({ address: this.address, error });
    this.#move("lost");
  }

  #resync({ reason, message }: ResyncNeeded): void {
    this.#resyncs.set(reason, (this.#resyncs.get(reason) ?? 0) + 1);
    this.#isTrusted = false;
    if (reason === "unknown_state") this.#isSchemaTrusted = false;
    this.#options.tracer?.resync?.(reason, message);
    this.#move("resync");
  }

  #move(event: LinkEvent): void {
    const status = nextLinkStatus(this.#status, event, this.clock.epoch !== "");
    if (status === this.#status) return;
    this.#status = status;
    this.#live.set(status === "live");
    this.#options.tracer?.linkStatus?.(status, this.address);
  }

  #open(address: string): UpstreamStream {
    const { transport, connectTimeoutMs = 2_000, schemaLimits } = this.#options;
    return new UpstreamStream({
      transport,
      address,
      request: this.#request(),
      time: this.#time,
      connectTimeoutMs,
      schemaLimits,
      onBytes: (length) => {
        this.#bytesReceived += length;
      },
    });
  }

  #request(): SubscribeRequest {
    const { epoch, seq, schema, names } = this.clock;
    return {
      name: this.#options.name,
      epoch: this.#isTrusted ? epoch : "",
      seq: this.#isTrusted ? seq : 0,
      schemaHash: epoch !== "" && this.#isSchemaTrusted ? hashSchema(schema, names) : "",
      selection: this.#options.selection,
    };
  }

  /** Follows one stream until it ends, in order or not; `first` was read from it before. */
  async #follow(stream: UpstreamStream, first: Received | undefined): Promise<void> {
    const { signal } = this.#abort;
    const stop = () => stream.close(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const left = new AbortController();
    if (this.#addressIndex !== 0) void this.#seekPreferred(stream, left.signal);
    let isLeaving = false;
    const { syncTimeoutMs = 5_000 } = this.#options;
    let hadClockAtMs = this.#time.monotonic();
    let wallTimeMs: number | undefined;
    let seqBefore = 0;
    try {
      for (let next = first ?? (await stream.next()); next; next = await stream.next()) {
        const { message } = next;
        const { start } = message;
        this.#move("opened");
        let applied: Applied = "behind";
        if (start !== undefined) {
          if (wallTimeMs === undefined && this.#hasSynced && first === undefined)
            this.#reconnects++;
          wallTimeMs = start.wallTimeMs;
          seqBefore = 0;
          applied = this.#begin(next, start, stream.address);
        } else if (wallTimeMs !== undefined) {
          if (message.seq < seqBefore)
            throw new ResyncNeeded("seq_back", `seq ${message.seq} after ${seqBefore}`);
          applied = this.#apply(next, wallTimeMs);
        }
        seqBefore = message.seq;
        const isCutOff = applied !== "behind" && message.ageMs > this.#maxUpstreamAgeMs;
        if (!isLeaving && (message.isDraining || isCutOff)) {
          isLeaving = true;
          void this.#moveOn(stream, message, left.signal).then((isOver) => {
            isLeaving = isOver;
          });
        }
        if (applied !== "behind") {
          this.#provenAtMs = Math.max(this.#provenAtMs, this.#time.monotonic() - message.ageMs);
          hadClockAtMs = this.#time.monotonic();
          this.#move("synced");
        } else if (this.#time.monotonic() - hadClockAtMs > syncTimeoutMs) {
          // It has no clock yet, or one behind ours: we wait, but not for ever.
          throw new ReplicationError(
            "unavailable",
            `${stream.address} had no clock for us within ${syncTimeoutMs} ms`,
          );
        }
      }
    } finally {
      left.abort();
      signal.removeEventListener("abort", stop);
      stream.close();
    }
  }

  /** While another than the preferred upstream is followed: goes back to that once it can. */
  async #seekPreferred(current: UpstreamStream, signal: AbortSignal): Promise<void> {
    const begun = await beginInTime(this.#candidate(this.#options.addresses[0]!), signal, {
      time: this.#time,
      random: this.#random,
      retryMs: this.#options.preferredRetryMs ?? 30_000,
    });
    if (begun !== undefined) this.#handOver(current, begun, "preferred");
  }

  /**
   * The upstream is about to stop, or cut off itself: goes over to another. If none takes us, one that
   * stops is left at once, so that it need not wait. Resolves to whether that was the last of it.
   */
  async #moveOn(
    current: UpstreamStream,
    { isDraining }: ClockMessage,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { addresses } = this.#options;
    const others = addresses
      .map((_, i) => addresses[(this.#addressIndex + i) % addresses.length]!)
      .filter((address) => address !== current.address);
    const begun = await beginWithAny(
      others.map((address) => this.#candidate(address)),
      signal,
    );
    if (begun !== undefined) {
      this.#handOver(current, begun, isDraining ? "draining" : "stale");
    } else if (isDraining) {
      current.close(new ReplicationError("unavailable", `${current.address} is stopping`));
    } else {
      await sleep(this.#time, backoffMs(SEEK_BACKOFF, this.#random, this.#options.backoff), signal);
      return false;
    }
    return true;
  }

  /** Another upstream than the one in use; it must be fresh itself. */
  #candidate(address: string): Candidate {
    return {
      open: () => this.#open(address),
      check: ({ message }) => {
        this.#check(message.start!, message.ageMs, address);
        if (message.ageMs > this.#maxUpstreamAgeMs)
          throw new ReplicationError("unavailable", `${address} is cut off itself`);
      },
    };
  }

  #handOver(current: UpstreamStream, begun: Begun, reason: LinkMove["reason"]): void {
    const { address } = begun.stream;
    if (this.#abort.signal.aborted || this.#handover !== undefined) {
      begun.stream.close();
      return;
    }
    this.#handover = begun;
    this.#addressIndex = this.#options.addresses.indexOf(address);
    this.#options.tracer?.moved?.({ address, reason });
    current.close();
  }

  /** Whether a stream that begins so may be followed. Throws {@linkcode ReplicationError}. */
  #check(start: Start, ageMs: number, address: string): void {
    const { name, selection } = this.#options;
    if (selection !== undefined && start.schema !== undefined)
      checkSelected(selection, start.schema.names, address);
    if (start.path.includes(name)) {
      throw new ReplicationError(
        "failed_precondition",
        `Cannot follow ${address}: "${name}" is upstream of itself (${start.path.join(" → ")})`,
      );
    }
    const { epoch } = this.clock;
    if (start.epoch !== epoch && epoch !== "" && ageMs > this.ageMs()) {
      throw new ReplicationError(
        "unavailable",
        `${address} serves an older clock than ours, from epoch ${start.epoch}`,
      );
    }
  }

  #begin(received: Received, start: Start, address: string): Applied {
    const { message } = received;
    const { clock } = this;
    this.#check(start, message.ageMs, address);
    this.#path = start.path;
    this.#machineId = start.machineId;
    this.#hasSynced = true;
    if (start.ticks === undefined) {
      if (start.epoch !== clock.epoch) {
        throw new ResyncNeeded(
          "epoch",
          `continues from epoch ${start.epoch}, ours is ${clock.epoch}`,
        );
      }
      return this.#apply(received, start.wallTimeMs);
    }
    const seqBefore = clock.seq;
    const applied = applySnapshot(clock, message, start, start.ticks);
    this.#isTrusted = true;
    this.#isSchemaTrusted = true;
    if (applied === "applied") this.#traceApplied(received, true, seqBefore);
    return applied;
  }

  /** Applies a diff, or takes a heartbeat for proof. */
  #apply(received: Received, wallTimeMs: number): Applied {
    const { message } = received;
    const seqBefore = this.clock.seq;
    const applied = applyChanges(this.clock, message, wallTimeMs);
    // With a selection, a heartbeat moves the seq on: nothing that was asked for has changed up to it.
    const isDiff = applied === "applied" && message.indexes.length > 0;
    if (isDiff) this.#traceApplied(received, false, seqBefore);
    else if (applied !== "behind") this.#options.tracer?.heartbeatReceived?.(message.seq);
    return applied;
  }

  #traceApplied({ message, bytes }: Received, isSnapshot: boolean, seqBefore: number): void {
    this.#options.tracer?.applied?.({
      isSnapshot,
      epoch: this.clock.epoch,
      seqBefore,
      seq: message.seq,
      stateCount: isSnapshot ? this.clock.names.length : message.indexes.length,
      bytes,
      changedAtMs: this.clock.changedAtMs,
      traceContext: message.traceContext,
    });
  }
}
