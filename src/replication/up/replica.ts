/**
 * The replica: follows a clock upstream. It is always either right, or catching up and saying so:
 * nothing is applied whose checksum does not prove it, and the age of what it serves only counts from
 * proof. It reconnects for ever; meanwhile it goes on serving what it has.
 */

import { ReplicationError } from "../clock/errors.ts";
import { checkSelected } from "../clock/selection.ts";
import { systemTime, type TimeSource } from "../clock/time_source.ts";
import { TracedTransitions } from "../clock/traced_transitions.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import { sleep } from "../clock/waiting.ts";
import type { MutateOptions } from "../down/server.ts";
import type { ResyncReason } from "../tracer.ts";
import type { Start, SubscribeRequest } from "../wire/messages.ts";
import type { MutationRequest, MutationResponse } from "../wire/mutation_messages.ts";
import { hashSchema } from "../wire/schema_codec.ts";
import { type Applied, applyChanges, applySnapshot, checkStart, ResyncNeeded } from "./apply.ts";
import { backoffMs } from "./backoff.ts";
import { Forwarder } from "./forwarder.ts";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";
import type { ReplicaOptions } from "./replica_options.ts";
import { type Received, UpstreamStream } from "./upstream_stream.ts";
import { Upstreams } from "./upstreams.ts";

/** A link that has held for this long, in milliseconds, was good: its loss is the first failure. */
const STABLE_AFTER_MS = 1_000;

export class Replica {
  readonly clock = new VersionedClock();
  readonly #options: ReplicaOptions;
  readonly #time: TimeSource;
  readonly #random: () => number;
  readonly #maxUpstreamAgeMs: number;
  readonly #abort = new AbortController();
  #status: LinkStatus = "connecting";
  #failures = 0;
  #reconnects = 0;
  readonly #resyncs = new Map<ResyncReason, number>();
  #bytesReceived = 0;
  #machineId = "";
  #path: readonly string[] = [];
  /** Monotonic time at which this clock was proven to be the root's. */
  #provenAtMs = Number.NEGATIVE_INFINITY;
  /** Monotonic time at which the root is known to have been in this epoch: when we first heard of it. */
  #epochSinceMs = Number.NEGATIVE_INFINITY;
  #hasSynced = false;
  /** After a resync: nothing of ours is named to the upstream, so that it sends all. */
  #isTrusted = true;
  #isSchemaTrusted = true;
  readonly #upstreams: Upstreams;
  readonly #forwarder: Forwarder;
  #running: Promise<void> | undefined = undefined;
  #lastError: ReplicationError | undefined = undefined;
  readonly #traced = new TracedTransitions();

  /** Throws `RangeError` without an address. */
  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#random = options.random ?? Math.random;
    this.#maxUpstreamAgeMs = options.maxUpstreamAgeMs ?? 3_000;
    this.#upstreams = new Upstreams({
      addresses: options.addresses,
      open: (address) => this.#open(address),
      check: (first, start, address) => this.#check(first, start, address, true),
      preferredRetryMs: options.preferredRetryMs ?? 30_000,
      maxAgeMs: this.#maxUpstreamAgeMs,
      backoff: options.backoff,
      time: this.#time,
      random: this.#random,
      tracer: options.tracer,
    });
    this.#forwarder = new Forwarder({
      transport: options.transport,
      waitMs: options.forwardWaitMs ?? 1_000,
      address: () => this.address,
      describe: () =>
        `the link to ${this.address} is ${this.#status}${this.#lastError ? ` (${this.#lastError.message})` : ""}`,
      time: this.#time,
      tracer: options.tracer,
    });
  }

  get status(): LinkStatus {
    return this.#status;
  }

  /** The address in use, or the one tried next. */
  get address(): string {
    return this.#upstreams.address;
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

  /** W3C trace contexts of the transitions after `seq` that came with one, in their order; the last 16. */
  traceContextsSince(seq: number): readonly Uint8Array[] {
    return this.#traced.since(seq);
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
  mutate(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    return this.#forwarder.forward(request, options);
  }

  async #run(): Promise<void> {
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const { stream, first } = this.#upstreams.takeNext() ?? { stream: this.#open(this.address) };
      const startedAtMs = this.#time.monotonic();
      let isResync = false;
      try {
        await this.#follow(stream, first);
        throw new ReplicationError("unavailable", `${stream.address} ended the stream`);
      } catch (thrown) {
        if (signal.aborted || this.#upstreams.hasNext) continue;
        isResync = thrown instanceof ResyncNeeded;
        if (thrown instanceof ResyncNeeded) this.#resync(thrown);
        else this.#lose(ReplicationError.from(thrown));
      }
      if (this.#provenAtMs - startedAtMs >= STABLE_AFTER_MS) this.#failures = 0;
      this.#failures++;
      // A snapshot is due at once, but not again and again from a peer that goes on being wrong.
      if (isResync && this.#failures === 1) continue;
      this.#upstreams.skip();
      await sleep(
        this.#time,
        backoffMs(this.#failures, this.#random, this.#options.backoff),
        signal,
      );
    }
    this.#upstreams.takeNext()?.stream.close();
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
    this.#forwarder.isLive = status === "live";
    this.#options.tracer?.linkStatus?.(status, this.address);
  }

  #open(address: string): UpstreamStream {
    const {
      transport,
      connectTimeoutMs = 2_000,
      messageTimeoutMs = 30_000,
      schemaLimits,
    } = this.#options;
    return new UpstreamStream({
      transport,
      address,
      request: this.#request(),
      time: this.#time,
      connectTimeoutMs,
      messageTimeoutMs,
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
    void this.#upstreams.seekPreferred(stream, left.signal);
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
        this.#options.tracer?.applying?.(message.traceContexts);
        let applied: Applied = "behind";
        if (start !== undefined) {
          if (wallTimeMs === undefined && this.#hasSynced && first === undefined)
            this.#reconnects++;
          const isFirst = wallTimeMs === undefined;
          wallTimeMs = start.wallTimeMs;
          seqBefore = 0;
          applied = this.#begin(next, start, stream.address, isFirst);
        } else if (wallTimeMs !== undefined) {
          if (message.seq < seqBefore)
            throw new ResyncNeeded("seq_back", `seq ${message.seq} after ${seqBefore}`);
          applied = this.#apply(next, wallTimeMs);
        }
        seqBefore = message.seq;
        const isCutOff = applied !== "behind" && message.ageMs > this.#maxUpstreamAgeMs;
        if (!isLeaving && (message.isDraining || isCutOff)) {
          isLeaving = true;
          void this.#upstreams
            .moveOn(stream, message.isDraining ? "draining" : "stale", left.signal)
            .then((isOver) => {
              isLeaving = isOver;
            });
        }
        if (applied !== "behind") {
          stream.trust(next);
          this.#provenAtMs = Math.max(this.#provenAtMs, provenAt(next));
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

  /** Whether a stream that begins so, or anew, may be followed. Throws {@linkcode ReplicationError} or {@linkcode ResyncNeeded}. */
  #check(received: Received, start: Start, address: string, isFirst: boolean): void {
    const { name, selection } = this.#options;
    checkStart(this.clock, start, selection);
    if (selection !== undefined && start.schema !== undefined)
      checkSelected(selection, start.schema.names, address);
    if (start.path.includes(name)) {
      throw new ReplicationError(
        "failed_precondition",
        `Cannot follow ${address}: "${name}" is upstream of itself (${start.path.join(" → ")})`,
      );
    }
    const { epoch } = this.clock;
    // Epochs have no order: another is newer if the root was in it after it was in ours. A stream that is
    // followed never goes back.
    const isOther = start.epoch !== epoch && epoch !== "";
    if (isFirst && isOther && provenAt(received) <= this.#epochSinceMs) {
      throw new ReplicationError(
        "unavailable",
        `${address} serves an older clock than ours, from epoch ${start.epoch}`,
      );
    }
  }

  #begin(received: Received, start: Start, address: string, isFirst: boolean): Applied {
    const { message } = received;
    const { clock } = this;
    this.#check(received, start, address, isFirst);
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
    const { epoch: epochBefore, seq: seqBefore } = clock;
    const applied = applySnapshot(clock, message, start, start.ticks);
    if (clock.epoch !== epochBefore) this.#epochSinceMs = this.#time.monotonic();
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

  #traceApplied(received: Received, isSnapshot: boolean, seqBefore: number): void {
    const { message, bytes, transitMs } = received;
    if (isSnapshot) this.#traced.clear();
    this.#traced.add(message.seq, message.traceContexts);
    this.#options.tracer?.applied?.({
      isSnapshot,
      epoch: this.clock.epoch,
      seqBefore,
      seq: message.seq,
      stateCount: isSnapshot ? this.clock.names.length : message.indexes.length,
      bytes,
      transitMs,
      changedAtMs: this.clock.changedAtMs,
      traceContexts: message.traceContexts,
    });
  }
}

/**
 * Monotonic time at which the sender's clock was the root's, or later. It counts from when the message
 * came and not from when it is applied: that takes its time, and a stream that takes over has waited.
 */
function provenAt({ receivedAtMs, transitMs, message }: Received): number {
  return receivedAtMs - transitMs - message.ageMs;
}
