/**
 * The replica: follows a clock upstream. It is always either right, or catching up and saying so:
 * nothing is applied whose checksum does not prove it, and the age of what it serves only counts from
 * proof. It reconnects for ever; meanwhile it goes on serving what it has.
 */

import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { openSubscription, sendMutation, type Transport } from "./client.ts";
import { ReplicationError } from "./errors.ts";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";
import {
  type ClockMessage,
  decodeClockMessage,
  type MutationReply,
  type MutationRequest,
  type Start,
} from "./messages.ts";
import { hashSchema, type SchemaLimits } from "./schema_codec.ts";
import type { MutateOptions } from "./server.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import type { ReplicationTracer, ResyncReason } from "./tracer.ts";
import { checksumOf, VersionedClock } from "./versioned_clock.ts";

export interface ReplicaOptions {
  /** Name of this node. */
  readonly name: string;
  /** host:port of the nodes upstream, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly transport: Transport;
  /** How long a new stream may stay silent before its own interval is known, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** How long a stream may send nothing but heartbeats before its clock, in milliseconds. Default 5,000. */
  readonly syncTimeoutMs?: number;
  readonly backoff?: BackoffOptions;
  readonly schemaLimits?: SchemaLimits;
  readonly time?: TimeSource;
  /** Gives [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  readonly tracer?: ReplicationTracer;
}

/** Silence of this many announced intervals means that the link is lost. */
const SILENT_INTERVALS = 3;

/** The stream cannot be continued: what came is wrong, and a snapshot is due. */
class ResyncNeeded extends Error {
  readonly reason: ResyncReason;

  constructor(reason: ResyncReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

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
  /** What the stream's wall times count from. */
  #wallBaseMs = 0;
  #hasSynced = false;
  #isTrusted = true;
  #isSchemaTrusted = true;
  #running: Promise<void> | undefined = undefined;
  #lastError: ReplicationError | undefined = undefined;

  /** Throws `RangeError` without an address. */
  constructor(options: ReplicaOptions) {
    if (options.addresses.length === 0)
      throw new RangeError("Cannot create a replica: it has no address upstream");
    this.#options = options;
    this.#time = options.time ?? systemTime;
    this.#random = options.random ?? Math.random;
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

  /** Has the root run a mutation. Throws {@linkcode ReplicationError}; after `unavailable` or `deadline_exceeded` it may have run all the same. */
  async mutate(request: MutationRequest, options: MutateOptions): Promise<MutationReply> {
    const { transport, tracer } = this.#options;
    try {
      const reply = await sendMutation(transport, this.address, request, options);
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
      const wasLive = this.#provenAtMs;
      let isResync = false;
      try {
        await this.#follow(signal);
        this.#lose(new ReplicationError("unavailable", `${this.address} ended the stream`));
      } catch (thrown) {
        if (signal.aborted) return;
        isResync = thrown instanceof ResyncNeeded;
        if (thrown instanceof ResyncNeeded) this.#resync(thrown);
        else this.#lose(ReplicationError.from(thrown));
      }
      if (this.#provenAtMs > wasLive) this.#failures = 0;
      // A snapshot is due at once, but not again and again from a peer that goes on being wrong.
      if (isResync && this.#failures++ === 0) continue;
      this.#failures++;
      this.#addressIndex = (this.#addressIndex + 1) % this.#options.addresses.length;
      await this.#sleep(backoffMs(this.#failures, this.#random, this.#options.backoff), signal);
    }
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
    this.#options.tracer?.linkStatus?.(status, this.address);
  }

  /** Follows one stream until it ends, in order or not. */
  async #follow(signal: AbortSignal): Promise<void> {
    const {
      name,
      transport,
      connectTimeoutMs = 2_000,
      syncTimeoutMs = 5_000,
      schemaLimits,
    } = this.#options;
    const { address } = this;
    const abort = new AbortController();
    const stop = () => abort.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    const silence = new SilenceTimer(this.#time, connectTimeoutMs, (limitMs) =>
      abort.abort(new ReplicationError("unavailable", `${address} was silent for ${limitMs} ms`)),
    );
    const hasSchema = this.clock.epoch !== "" && this.#isSchemaTrusted;
    const request = {
      name,
      epoch: this.#isTrusted ? this.clock.epoch : "",
      seq: this.#isTrusted ? this.clock.seq : 0,
      schemaHash: hasSchema ? hashSchema(this.clock.schema, this.clock.names) : "",
    };
    const openedAtMs = this.#time.monotonic();
    let isOpen = false;
    let isSynced = false;
    try {
      for await (const bytes of openSubscription(transport, address, request, abort.signal)) {
        silence.reset();
        this.#bytesReceived += bytes.length;
        if (!isOpen) this.#move("opened");
        isOpen = true;
        const message = decodeClockMessage(bytes, schemaLimits);
        if (message.start !== undefined) {
          silence.setLimit(SILENT_INTERVALS * message.start.heartbeatIntervalMs);
          this.#applyStart(message, message.start, bytes.length);
          if (!isSynced && this.#hasSynced) this.#reconnects++;
          isSynced = true;
          this.#hasSynced = true;
        } else if (isSynced) {
          this.#applyMessage(message, bytes.length);
        } else {
          // The upstream has no clock yet, or is behind ours: we wait, but not for ever.
          if (this.#time.monotonic() - openedAtMs > syncTimeoutMs) {
            throw new ReplicationError(
              "unavailable",
              `${address} had no clock for us within ${syncTimeoutMs} ms`,
            );
          }
          continue;
        }
        this.#provenAtMs = Math.max(this.#provenAtMs, this.#time.monotonic() - message.ageMs);
        this.#move("synced");
      }
    } catch (error) {
      throw abort.signal.aborted && !signal.aborted ? abort.signal.reason : error;
    } finally {
      silence.stop();
      signal.removeEventListener("abort", stop);
      abort.abort();
    }
  }

  #applyStart(message: ClockMessage, start: Start, bytes: number): void {
    const { clock } = this;
    if (start.path.includes(this.#options.name)) {
      throw new ReplicationError(
        "failed_precondition",
        `Cannot follow ${this.address}: "${this.#options.name}" is upstream of itself (${start.path.join(" → ")})`,
      );
    }
    const isSameEpoch = start.epoch === clock.epoch;
    if (!isSameEpoch && clock.epoch !== "" && message.ageMs > this.ageMs()) {
      throw new ReplicationError(
        "unavailable",
        `${this.address} serves an older clock than ours, from epoch ${start.epoch}`,
      );
    }
    this.#wallBaseMs = start.wallTimeMs;
    this.#path = start.path;
    this.#machineId = start.machineId;
    if (start.ticks === undefined) {
      if (!isSameEpoch)
        throw new ResyncNeeded(
          "epoch",
          `continues from epoch ${start.epoch}, ours is ${clock.epoch}`,
        );
      this.#applyMessage(message, bytes);
      return;
    }
    const names = start.schema?.names ?? clock.names;
    if (start.ticks.length !== names.length) {
      throw new ResyncNeeded(
        "unknown_state",
        `a snapshot of ${start.ticks.length} ticks, for ${names.length} states`,
      );
    }
    if (checksumOf(start.ticks) !== message.checksum)
      throw new ResyncNeeded("checksum", `the snapshot at seq ${message.seq}`);
    if (isSameEpoch && this.#isTrusted && message.seq < clock.seq) {
      throw new ResyncNeeded("seq_back", `a snapshot at seq ${message.seq}, ours is ${clock.seq}`);
    }
    const seqBefore = clock.seq;
    this.#isTrusted = true;
    this.#isSchemaTrusted = true;
    const changedAtMs = start.wallTimeMs + message.wallDeltaMs;
    const schema = start.schema?.schema ?? clock.schema;
    clock.reset({
      epoch: start.epoch,
      seq: message.seq,
      schema,
      names,
      ticks: start.ticks,
      changedAtMs,
    });
    this.#traceApplied(message, true, seqBefore, names.length, bytes);
  }

  /** Applies a diff, or takes a heartbeat for proof. */
  #applyMessage(message: ClockMessage, bytes: number): void {
    const { clock } = this;
    const { seq, indexes, ticks } = message;
    if (seq < clock.seq) throw new ResyncNeeded("seq_back", `seq ${seq}, ours is ${clock.seq}`);
    const last = indexes[indexes.length - 1];
    if (last !== undefined && last >= clock.names.length) {
      throw new ResyncNeeded("unknown_state", `state ${last} of ${clock.names.length}`);
    }
    for (let i = 0; i < indexes.length; i++) {
      if (!(ticks[i]! >= clock.ticks[indexes[i]!]!)) {
        throw new ResyncNeeded(
          "tick_back",
          `tick ${ticks[i]} of state ${indexes[i]}, ours is ${clock.ticks[indexes[i]!]}`,
        );
      }
    }
    if (clock.checksumWith(indexes, ticks) !== message.checksum)
      throw new ResyncNeeded("checksum", `the diff to seq ${seq}`);
    if (seq === clock.seq) {
      this.#options.tracer?.heartbeatReceived?.(seq);
      return;
    }
    const seqBefore = clock.seq;
    clock.advance(seq, indexes, ticks, this.#wallBaseMs + message.wallDeltaMs);
    this.#traceApplied(message, false, seqBefore, indexes.length, bytes);
  }

  #traceApplied(
    message: ClockMessage,
    isSnapshot: boolean,
    seqBefore: number,
    stateCount: number,
    bytes: number,
  ): void {
    this.#options.tracer?.applied?.({
      isSnapshot,
      epoch: this.clock.epoch,
      seqBefore,
      seq: message.seq,
      stateCount,
      bytes,
      changedAtMs: this.clock.changedAtMs,
      traceContext: message.traceContext,
    });
  }

  #sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#time.setTimer(delayMs, end);
      signal.addEventListener("abort", end, { once: true });
    });
  }
}

/** Calls back once nothing has reset it for its limit. Resets are cheap: they only note the time. */
class SilenceTimer {
  readonly #time: TimeSource;
  readonly #onSilent: (limitMs: number) => void;
  #limitMs: number;
  #resetAtMs: number;
  #cancel: () => void = () => {};

  constructor(time: TimeSource, limitMs: number, onSilent: (limitMs: number) => void) {
    this.#time = time;
    this.#onSilent = onSilent;
    this.#limitMs = limitMs;
    this.#resetAtMs = time.monotonic();
    this.#arm(limitMs);
  }

  reset(): void {
    this.#resetAtMs = this.#time.monotonic();
  }

  setLimit(limitMs: number): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#cancel();
    this.#arm(limitMs);
  }

  stop(): void {
    this.#cancel();
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#time.setTimer(delayMs, () => {
      const leftMs = this.#resetAtMs + this.#limitMs - this.#time.monotonic();
      if (leftMs > 0) this.#arm(leftMs);
      else this.#onSilent(this.#limitMs);
    });
  }
}
