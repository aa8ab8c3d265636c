/**
 * A clock with its version: epoch, seq, and for each state the seq at which its tick last changed.
 * The publisher pushes it, the replica writes to it, HTTP reads from it. A diff from any past
 * seq is read off it without a history, at a cost that follows the states that changed.
 *
 * @module
 */

import { type Schema, throwLater, toError } from "../../machine/mod.ts";
import type { ReplicationError } from "./errors.ts";
import { NO_TRACE_CONTEXTS, TracedTransitions } from "./trace_context.ts";

/** A change of the clock, as a listener of {@linkcode VersionedClock.onChange} receives it. */
export type ClockChange = (
  | /** Some ticks moved and seq grew. `indexes` is valid only during the call. */
  { readonly type: "advance"; readonly seq: number; readonly indexes: Uint32Array }
  /** A new epoch, schema or snapshot: everything may be different. */
  | { readonly type: "reset" }
) & {
  /** W3C trace contexts of the transitions in this change. */
  readonly traceContexts: readonly Uint8Array[];
};

/** The argument of {@linkcode VersionedClock.reset}. */
export interface ClockSnapshot {
  readonly epoch: string;
  readonly seq: number;
  readonly schema: Schema;
  readonly names: readonly string[];
  /** In the order of `names`. */
  readonly ticks: ArrayLike<number>;
  /** In the order of `names`: the seq of each state's last change. Default: `seq` for all. */
  readonly changedAt?: ArrayLike<number>;
  readonly changedAtMs?: number;
  readonly traceContexts?: readonly Uint8Array[];
}

/** The checksum of a whole clock: what {@linkcode VersionedClock.checksum} maintains incrementally. */
export function checksumOf(ticks: ArrayLike<number>): number {
  let checksum = 0;
  for (let i = 0; i < ticks.length; i++) checksum = (checksum + mixTick(i, ticks[i]!)) | 0;
  return checksum >>> 0;
}

/** Mixes one state's index and tick into 32 bits; the clock's checksum is the sum of these, modulo 2^32. */
export function mixTick(index: number, tick: number): number {
  const high = Math.floor(tick / 0x1_0000_0000);
  let hash = Math.imul(index + 1, 0x9e37_79b1) ^ Math.imul(tick | 0, 0x85eb_ca6b) ^ high;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0_aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a_2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}

/** A machine's clock with its version. One owner (a source or a replica) writes it, many read it. */
export class VersionedClock {
  #epoch = "";
  #seq = 0;
  #schema: Schema = {};
  #names: readonly string[] = [];
  #indexByName = new Map<string, number>();
  #ticks = new Float64Array(0);
  #changedAt = new Float64Array(0);
  // States linked by last change, the newest at #newest: a diff walks it and stops at the cursor.
  #older = new Int32Array(0);
  #newer = new Int32Array(0);
  #newest = -1;
  #checksum = 0;
  #timeSum = 0;
  #activeCount = 0;
  #changedAtMs = 0;
  readonly #traced = new TracedTransitions();
  readonly #listeners = new Set<(change: ClockChange) => void>();
  readonly #onListenerError: (error: Error) => void;
  readonly #endListeners = new Set<(reason: ReplicationError) => void>();
  #ended: ReplicationError | undefined = undefined;

  /** `onListenerError` receives what a listener throws, which stops neither the clock nor other listeners. Default: nobody catches it. */
  constructor(onListenerError: (error: Error) => void = throwLater) {
    this.#onListenerError = onListenerError;
  }

  /** 16 lower-case hex digits; empty until the first {@linkcode reset}. */
  get epoch(): string {
    return this.#epoch;
  }

  /** Number of the last change in this epoch, 0 before the first. */
  get seq(): number {
    return this.#seq;
  }

  /** `<epoch>-<seq>`, what HTTP shows as a version. */
  get version(): string {
    return `${this.#epoch}-${this.#seq}`;
  }

  get schema(): Schema {
    return this.#schema;
  }

  /** State names in index order. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Ticks in index order. This is the live array: readers must not write or keep it. */
  get ticks(): Float64Array {
    return this.#ticks;
  }

  /** Sum over all states of {@linkcode mixTick}, modulo 2^32. */
  get checksum(): number {
    return this.#checksum;
  }

  /** Sum of all ticks. */
  get timeSum(): number {
    return this.#timeSum;
  }

  /** Number of active states. */
  get activeCount(): number {
    return this.#activeCount;
  }

  /** Wall time of the root when it reached {@linkcode seq}, in milliseconds since 1970-01-01 UTC; 0 if not known. */
  get changedAtMs(): number {
    return this.#changedAtMs;
  }

  /** Index of a state, -1 if unknown. */
  indexOf(name: string): number {
    return this.#indexByName.get(name) ?? -1;
  }

  /** Active state names in index order. */
  activeStates(): string[] {
    return this.#names.filter((_, index) => this.#ticks[index]! % 2 === 1);
  }

  /** The seq at which a state's tick last changed, or that of the snapshot that contained it. */
  lastChangeOf(index: number): number {
    return this.#changedAt[index]!;
  }

  /** Calls `visit` for each state whose last change is later than `seq`, the newest first. Costs what it visits. */
  forEachChangedSince(seq: number, visit: (index: number, tick: number) => void): void {
    for (let i = this.#newest; i >= 0 && this.#changedAt[i]! > seq; i = this.#older[i]!) {
      visit(i, this.#ticks[i]!);
    }
  }

  /** W3C trace contexts of the traced transitions after `seq`, in their order; the last 16. */
  traceContextsSince(seq: number): readonly Uint8Array[] {
    return this.#traced.since(seq);
  }

  /** Calls `listener` after each {@linkcode advance} and {@linkcode reset}, with the new values in place. Returns its removal. */
  onChange(listener: (change: ClockChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Why the clock never moves again; undefined while it may. */
  get ended(): ReplicationError | undefined {
    return this.#ended;
  }

  /** Calls `listener` when the clock {@linkcode end}s. Returns its removal. */
  onEnd(listener: (reason: ReplicationError) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Says that the clock never moves again. For its owner, once. */
  end(reason: ReplicationError): void {
    this.#ended = reason;
    for (const listener of this.#endListeners) this.#guard(() => listener(reason));
  }

  /** What {@linkcode checksum} would be with `ticks[i]` for each of `indexes`, each given once. */
  checksumWith(indexes: Uint32Array, ticks: ArrayLike<number>): number {
    let checksum = this.#checksum;
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!;
      checksum = (checksum - mixTick(index, this.#ticks[index]!) + mixTick(index, ticks[i]!)) | 0;
    }
    return checksum >>> 0;
  }

  /** Sets `ticks[i]` (absolute) for each of `indexes` and moves to `seq`. The caller has checked both. */
  advance(
    seq: number,
    indexes: Uint32Array,
    ticks: ArrayLike<number>,
    changedAtMs = 0,
    traceContexts = NO_TRACE_CONTEXTS,
  ): void {
    for (let i = 0; i < indexes.length; i++) {
      this.#set(indexes[i]!, ticks[i]!, seq);
    }
    this.#seq = seq;
    this.#changedAtMs = changedAtMs;
    if (traceContexts.length > 0) this.#traced.add(seq, traceContexts);
    if (this.#listeners.size > 0) this.#emit({ type: "advance", seq, indexes, traceContexts });
  }

  /** Starts over: with another epoch, another schema, or a snapshot. */
  reset(snapshot: ClockSnapshot): void {
    const size = snapshot.names.length;
    this.#epoch = snapshot.epoch;
    this.#seq = snapshot.seq;
    this.#changedAtMs = snapshot.changedAtMs ?? 0;
    this.#schema = snapshot.schema;
    this.#names = snapshot.names;
    this.#indexByName = new Map(snapshot.names.map((name, index) => [name, index]));
    this.#ticks = Float64Array.from(snapshot.ticks);
    this.#older = Int32Array.from({ length: size }, (_, i) => i - 1);
    this.#newer = Int32Array.from({ length: size }, (_, i) => (i + 1 < size ? i + 1 : -1));
    this.#newest = size - 1;
    if (snapshot.changedAt === undefined) {
      // All states count as changed at this seq: a diff from before a snapshot is the whole clock.
      this.#changedAt = new Float64Array(size).fill(snapshot.seq);
    } else {
      this.#changedAt = Float64Array.from(snapshot.changedAt);
      this.#linkByLastChange();
    }
    this.#checksum = 0;
    this.#timeSum = 0;
    this.#activeCount = 0;
    for (let i = 0; i < size; i++) {
      this.#checksum = (this.#checksum + mixTick(i, this.#ticks[i]!)) >>> 0;
      this.#timeSum += this.#ticks[i]!;
      this.#activeCount += this.#ticks[i]! % 2;
    }
    const { traceContexts = NO_TRACE_CONTEXTS } = snapshot;
    this.#traced.clear();
    this.#traced.add(snapshot.seq, traceContexts);
    this.#emit({ type: "reset", traceContexts });
  }

  #linkByLastChange(): void {
    const order = Uint32Array.from(this.#changedAt, (_, index) => index);
    order.sort((a, b) => this.#changedAt[a]! - this.#changedAt[b]!);
    this.#newest = -1;
    for (const index of order) {
      this.#older[index] = this.#newest;
      if (this.#newest >= 0) this.#newer[this.#newest] = index;
      this.#newer[index] = -1;
      this.#newest = index;
    }
  }

  #set(index: number, tick: number, seq: number): void {
    const before = this.#ticks[index]!;
    this.#checksum = (this.#checksum - mixTick(index, before) + mixTick(index, tick)) >>> 0;
    this.#timeSum += tick - before;
    this.#activeCount += (tick % 2) - (before % 2);
    this.#ticks[index] = tick;
    this.#changedAt[index] = seq;
    if (this.#newest === index) return;
    const older = this.#older[index]!;
    const newer = this.#newer[index]!;
    if (newer >= 0) this.#older[newer] = older;
    if (older >= 0) this.#newer[older] = newer;
    this.#older[index] = this.#newest;
    this.#newer[index] = -1;
    this.#newer[this.#newest] = index;
    this.#newest = index;
  }

  #emit(change: ClockChange): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (thrown) {
        this.#onListenerError(toError(thrown));
      }
    }
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (thrown) {
      this.#onListenerError(toError(thrown));
    }
  }
}
