/**
 * The rules by which a replica follows a clock upstream: trust, epochs, proof, order and age. Messages and
 * times go in, steps come out; there is no timer, promise or socket here. `link.ts` does the I/O.
 *
 * A follower is either correct, or catching up, which its status shows: it applies nothing that a checksum
 * does not prove, and the age of its clock counts from the last proof.
 */

import { ReplicationError } from "../clock/errors.ts";
import { faultOfStates, type Selection } from "../clock/selection.ts";
import { checksumOf, type VersionedClock } from "../clock/versioned_clock.ts";
import type { ClockMessage, Start, SubscribeRequest } from "../wire/messages.ts";
import { hashSchema } from "../wire/schema_codec.ts";
import { sealMessage, sealStart } from "../wire/seal.ts";
import { type LinkEvent, type LinkStatus, nextLinkStatus } from "./link_status.ts";
import type { ResyncReason } from "./tracer.ts";

/** A message of a stream, with when and how it arrived. */
export interface Received {
  readonly message: ClockMessage;
  /** Length of the message as sent, without its envelope. */
  readonly bytes: number;
  /** Longest time that it can have been in transit, in milliseconds; as reliable as its stamp. */
  readonly transitMs: number;
  /** Monotonic time of its arrival, in milliseconds. */
  readonly receivedAtMs: number;
}

/** The stream cannot be followed: take a snapshot instead (`resync`), or leave it for good (`leave`). */
export type Refusal =
  | { readonly type: "resync"; readonly reason: ResyncReason; readonly detail: string }
  | { readonly type: "leave"; readonly error: ReplicationError };

/**
 * - `applied`: the clock has moved.
 * - `proven`: the message proves the clock as it is.
 * - `behind`: the message is about an earlier seq than the clock's, or arrived before the start; it was ignored.
 */
export type Outcome = "applied" | "proven" | "behind";

export interface Follow {
  readonly type: "follow";
  readonly outcome: Outcome;
  /** What moved states, if anything did. With a selection, a heartbeat moves only the seq. */
  readonly moved: "snapshot" | "diff" | undefined;
  /** The seq of the clock before the message. */
  readonly seqBefore: number;
  /** Why another upstream should be sought, if it should: this one is about to stop, or is cut off from the root. */
  readonly seek: "draining" | "stale" | undefined;
}

export type Step = Follow | Refusal;

export interface FollowerOptions {
  /** Name of this node. */
  readonly name: string;
  /** The states to follow; all if absent. */
  readonly selection?: Selection | undefined;
  /** Age of the upstream's own clock from which another upstream is sought, in milliseconds. */
  readonly maxUpstreamAgeMs: number;
  /** How long an upstream may have no clock, or one behind ours, in milliseconds. */
  readonly syncTimeoutMs: number;
}

export class Follower {
  readonly #clock: VersionedClock;
  readonly #options: FollowerOptions;
  #status: LinkStatus = "connecting";
  #machineId = "";
  #path: readonly string[] = [];
  #reconnects = 0;
  readonly #resyncs = new Map<ResyncReason, number>();
  #provenAtMs = Number.NEGATIVE_INFINITY;
  #syncedAtMs = Number.NEGATIVE_INFINITY;
  /** Monotonic time at which the root is known to have been in the clock's epoch: when we first heard of it. */
  #epochSinceMs = Number.NEGATIVE_INFINITY;
  #hasSynced = false;
  /** False after a resync: the next request names no clock, so that the upstream sends all of it. */
  #isTrusted = true;
  #isSchemaTrusted = true;

  // Of the stream in use.
  #isHandover = false;
  /** What its wall times count from; undefined before its start. */
  #wallTimeMs: number | undefined = undefined;
  #lastSeq = 0;
  /** When it last had a clock that was not behind ours. */
  #hadClockAtMs = Number.NEGATIVE_INFINITY;

  constructor(clock: VersionedClock, options: FollowerOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  get status(): LinkStatus {
    return this.#status;
  }

  /** Id of the machine upstream; empty before the first start. */
  get machineId(): string {
    return this.#machineId;
  }

  /** Node names from the root to the node upstream; empty before the first start. */
  get path(): readonly string[] {
    return this.#path;
  }

  /** How often a link was established again after a loss. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** How often a snapshot was requested because of an error, by reason. */
  get resyncs(): ReadonlyMap<ResyncReason, number> {
    return this.#resyncs;
  }

  /** Monotonic time at which the clock was last proven to be the root's; -Infinity before the first proof. */
  get provenAtMs(): number {
    return this.#provenAtMs;
  }

  /** Monotonic time at which the clock was last proven to be that of the upstream; -Infinity before the first proof. */
  get syncedAtMs(): number {
    return this.#syncedAtMs;
  }

  /** What a new stream requests: to continue from the clock, or all of it. */
  createRequest(): SubscribeRequest {
    const { epoch, seq, schema, names } = this.#clock;
    return {
      name: this.#options.name,
      epoch: this.#isTrusted ? epoch : "",
      seq: this.#isTrusted ? seq : 0,
      schemaHash: epoch !== "" && this.#isSchemaTrusted ? hashSchema(schema, names) : "",
      selection: this.#options.selection,
    };
  }

  /** A new stream replaces the one before: by a handover, or after a loss. */
  openStream(nowMs: number, isHandover: boolean): void {
    this.#isHandover = isHandover;
    this.#wallTimeMs = undefined;
    this.#lastSeq = 0;
    this.#hadClockAtMs = nowMs;
  }

  /** A message of the stream arrived; {@linkcode receive} follows. */
  opened(): void {
    this.#move("opened");
  }

  /** Takes a message from the upstream at `address`. The clock carries `traceContexts` with a change. */
  receive(
    received: Received,
    address: string,
    nowMs: number,
    traceContexts = received.message.traceContexts,
  ): Step {
    const { message } = received;
    const seqBefore = this.#clock.seq;
    const outcome = this.#take(received, address, nowMs, traceContexts);
    if (typeof outcome !== "string") return outcome;
    this.#lastSeq = message.seq;
    if (outcome !== "behind") {
      this.#provenAtMs = Math.max(this.#provenAtMs, provenAt(received));
      this.#syncedAtMs = received.receivedAtMs - received.transitMs;
      this.#hadClockAtMs = nowMs;
      this.#move("synced");
    } else if (nowMs - this.#hadClockAtMs > this.#options.syncTimeoutMs) {
      return leave(
        "unavailable",
        `${address} had no clock for us within ${this.#options.syncTimeoutMs} ms`,
      );
    }
    const isCutOff = outcome !== "behind" && message.ageMs > this.#options.maxUpstreamAgeMs;
    const seek = message.isDraining ? "draining" : isCutOff ? "stale" : undefined;
    const isSnapshot = message.start?.ticks !== undefined;
    const isMove = outcome === "applied" && (isSnapshot || message.indexes.length > 0);
    const moved = !isMove ? undefined : isSnapshot ? "snapshot" : "diff";
    return { type: "follow", outcome, moved, seqBefore, seek };
  }

  /** Why a stream that begins with `received`, or starts again with it, must not be followed; undefined if it may. */
  refusalOf(
    received: Received,
    start: Start,
    address: string,
    isFirst = true,
  ): Refusal | undefined {
    const { name, selection } = this.#options;
    const unproven = refusalOfStart(this.#clock, start, selection);
    if (unproven !== undefined) return unproven;
    if (selection !== undefined && start.schema !== undefined) {
      const fault = faultOfStates(selection, start.schema.names);
      if (fault !== undefined) return leave("data_loss", `Cannot follow ${address}: ${fault}`);
    }
    if (start.path.includes(name)) {
      return leave(
        "failed_precondition",
        `Cannot follow ${address}: "${name}" is upstream of itself (${start.path.join(" → ")})`,
      );
    }
    // Epochs have no order: another one is newer if the root was in it after it was in ours. Within a stream
    // a new epoch is always newer, as its sender never goes back either.
    const { epoch } = this.#clock;
    const isOther = start.epoch !== epoch && epoch !== "";
    if (isFirst && isOther && provenAt(received) <= this.#epochSinceMs) {
      return leave(
        "unavailable",
        `${address} serves an older clock than ours, from epoch ${start.epoch}`,
      );
    }
    return undefined;
  }

  /** The link abandons the stream for a snapshot. */
  resync(reason: ResyncReason): void {
    this.#resyncs.set(reason, (this.#resyncs.get(reason) ?? 0) + 1);
    this.#isTrusted = false;
    if (reason === "unknown_state") this.#isSchemaTrusted = false;
    this.#move("resync");
  }

  /** The stream ended, broke, or could not be opened. */
  lose(): void {
    this.#move("lost");
  }

  /** Ends following, for good. */
  close(): void {
    this.#move("closed");
  }

  #move(event: LinkEvent): void {
    this.#status = nextLinkStatus(this.#status, event, this.#clock.epoch !== "");
  }

  #take(
    received: Received,
    address: string,
    nowMs: number,
    traceContexts: readonly Uint8Array[],
  ): Outcome | Refusal {
    const { message } = received;
    const { start } = message;
    if (start !== undefined) return this.#begin(received, start, address, nowMs, traceContexts);
    if (this.#wallTimeMs === undefined) return "behind";
    if (message.seq < this.#lastSeq)
      return resync("seq_back", `seq ${message.seq} after ${this.#lastSeq}`);
    return applyChanges(this.#clock, message, this.#wallTimeMs, traceContexts);
  }

  #begin(
    received: Received,
    start: Start,
    address: string,
    nowMs: number,
    traceContexts: readonly Uint8Array[],
  ): Outcome | Refusal {
    const clock = this.#clock;
    const isFirst = this.#wallTimeMs === undefined;
    if (isFirst && this.#hasSynced && !this.#isHandover) this.#reconnects++;
    this.#wallTimeMs = start.wallTimeMs;
    const refusal = this.refusalOf(received, start, address, isFirst);
    if (refusal !== undefined) return refusal;
    this.#path = start.path;
    this.#machineId = start.machineId;
    this.#hasSynced = true;
    if (start.ticks === undefined) {
      if (start.epoch !== clock.epoch)
        return resync("epoch", `continues from epoch ${start.epoch}, ours is ${clock.epoch}`);
      return applyChanges(clock, received.message, start.wallTimeMs, traceContexts);
    }
    const epochBefore = clock.epoch;
    const outcome = applySnapshot(clock, received.message, start, start.ticks, traceContexts);
    if (typeof outcome !== "string") return outcome;
    if (clock.epoch !== epochBefore) this.#epochSinceMs = nowMs;
    this.#isTrusted = true;
    this.#isSchemaTrusted = true;
    return outcome;
  }
}

/**
 * Monotonic time at which the sender's clock was the root's, or later. It counts from the arrival of the
 * message, not from when it is applied: a message of a handover may have waited.
 */
function provenAt({ receivedAtMs, transitMs, message }: Received): number {
  return receivedAtMs - transitMs - message.ageMs;
}

/**
 * Checks that a start is what its sender wrote, that its schema (ours if it has none) is the sender's, and
 * that it is about the selection that we requested.
 */
function refusalOfStart(
  clock: VersionedClock,
  start: Start,
  selection: Selection | undefined,
): Refusal | undefined {
  const { schema, names } = start.schema ?? clock;
  const hash = hashSchema(schema, names);
  if (sealStart(start, hash, selection) === start.checksum) return undefined;
  const isOfNone = selection !== undefined && sealStart(start, hash) === start.checksum;
  const why = isOfNone ? ", which is not of the states that we requested" : "";
  return resync("checksum", `the start of epoch ${start.epoch}${why}`);
}

/** Takes a whole clock if its checksum proves it. */
export function applySnapshot(
  clock: VersionedClock,
  message: ClockMessage,
  start: Start,
  ticks: readonly number[],
  traceContexts = message.traceContexts,
): Outcome | Refusal {
  const { epoch, wallTimeMs } = start;
  const names = start.schema?.names ?? clock.names;
  if (start.schema === undefined && clock.epoch === "")
    return resync("unknown_state", "a snapshot without a schema, and we have none");
  if (ticks.length !== names.length) {
    return resync(
      "unknown_state",
      `a snapshot of ${ticks.length} ticks, for ${names.length} states`,
    );
  }
  if (sealMessage(checksumOf(ticks), epoch, message) !== message.checksum)
    return resync("checksum", `the snapshot at seq ${message.seq}`);
  if (epoch === clock.epoch && message.seq < clock.seq) return "behind";
  clock.reset({
    epoch,
    seq: message.seq,
    schema: start.schema?.schema ?? clock.schema,
    names,
    ticks,
    changedAtMs: wallTimeMs + message.wallDeltaMs,
    traceContexts,
  });
  return "applied";
}

/** Takes a diff, or a heartbeat as proof, if its checksum proves it. The stream's wall times count from `wallTimeMs`. */
export function applyChanges(
  clock: VersionedClock,
  message: ClockMessage,
  wallTimeMs: number,
  traceContexts = message.traceContexts,
): Outcome | Refusal {
  const { seq, indexes, ticks } = message;
  if (seq < clock.seq) return "behind";
  const last = indexes[indexes.length - 1];
  if (last !== undefined && last >= clock.names.length)
    return resync("unknown_state", `state ${last} of ${clock.names.length}`);
  for (let i = 0; i < indexes.length; i++) {
    const tick = ticks[i]!;
    const own = clock.ticks[indexes[i]!]!;
    if (!(tick >= own))
      return resync("tick_back", `tick ${tick} of state ${indexes[i]}, ours is ${own}`);
  }
  const checksum = sealMessage(clock.checksumWith(indexes, ticks), clock.epoch, message);
  if (checksum !== message.checksum) return resync("checksum", `the diff to seq ${seq}`);
  if (seq === clock.seq) return "proven";
  clock.advance(seq, indexes, ticks, wallTimeMs + message.wallDeltaMs, traceContexts);
  return "applied";
}

function resync(reason: ResyncReason, detail: string): Refusal {
  return { type: "resync", reason, detail };
}

function leave(code: ReplicationError["code"], message: string): Refusal {
  return { type: "leave", error: new ReplicationError(code, message) };
}
