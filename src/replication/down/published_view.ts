/**
 * The node's clock as a group of downstreams sees it: all of it, or a selection of its states, which has its
 * own indexes, checksum and schema, at the node's epoch and seq. Messages are encoded here, once for all
 * downstreams of the group at the same cursor.
 */

import type { ReplicationError } from "../clock/errors.ts";
import { hashBytes } from "../clock/hash.ts";
import type { Selection } from "../clock/selection.ts";
import { TracedTransitions } from "../clock/trace_context.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import { encodeEnvelope } from "../wire/connect.ts";
import { encodeClockMessage } from "../wire/message_codec.ts";
import { type ClockMessage, SHARED_MS, toStamp } from "../wire/messages.ts";
import { encodeSchema } from "../wire/schema_codec.ts";
import { sealMessage, sealStart } from "../wire/seal.ts";
import type { SenderInfo } from "./sender_info.ts";

/** How a stream, or a new epoch in it, begins. */
export interface Beginning {
  /** The seq to continue from; undefined to begin with a snapshot. */
  readonly cursor: number | undefined;
  /** Whether the downstream has the schema. */
  readonly isSchemaKnown: boolean;
  /** The states that the downstream requested. */
  readonly selection: Selection | undefined;
  /** Trace contexts for only this downstream, as for {@linkcode PublishedView.encode}. */
  readonly traceContexts: readonly Uint8Array[] | undefined;
}

export interface Encoded {
  readonly envelope: Uint8Array<ArrayBuffer>;
  /** Whether a state changed; else it is a heartbeat. */
  readonly isDiff: boolean;
  /** The message's age and stamp. */
  readonly ageMs: number;
  readonly sentMs: number;
}

/** How many changes a view remembers one by one. */
const MAX_CHANGES = 64;

export class PublishedView {
  /** Undefined for every state of the node. */
  readonly selection: Selection | undefined;
  /** How many downstreams receive this view. */
  downstreamCount = 0;
  /** Why the view has no clock: the selection names states that the schema lacks. */
  error: ReplicationError | undefined = undefined;
  readonly #node: VersionedClock;
  readonly #sender: SenderInfo;
  readonly #clock: VersionedClock;
  #dueSeq = 0;
  /** Seqs of the last changes of a selected state, rising. */
  readonly #changes: number[] = [];
  /** Messages encoded for the node's seq, by cursor; at the seq itself it is a heartbeat. */
  readonly #encoded = new Map<number, Encoded>();
  /** Starts with a snapshot, encoded for the node's seq, by what else they contain. */
  readonly #snapshots = new Map<string, Encoded>();
  #encodedFor = { epoch: "", seq: 0, isDraining: false };
  /** The encoded schema, created when an epoch first needs it. */
  #encodedSchema: { epoch: string; bytes: Uint8Array; hash: string } | undefined = undefined;
  /** The last traced transitions that changed a selected state; without a selection the clock has them. */
  readonly #traced = new TracedTransitions();

  constructor(node: VersionedClock, sender: SenderInfo, selection: Selection | undefined) {
    this.#node = node;
    this.#sender = sender;
    this.selection = selection;
    this.#clock = selection === undefined ? node : new VersionedClock();
  }

  /** The clock that is pushed. Its epoch and checksum are those of the messages; their seq is {@linkcode seq}. */
  get clock(): VersionedClock {
    return this.#clock;
  }

  /** The node's epoch: all its views are at the same version. */
  get epoch(): string {
    return this.#node.epoch;
  }

  get seq(): number {
    return this.#node.seq;
  }

  /** Whether more than a heartbeat is due to a downstream at `cursor`. */
  isBehind(epoch: string, cursor: number): boolean {
    return epoch !== this.#node.epoch || cursor < this.#dueSeq;
  }

  /** Hash of the schema of the selected states. */
  get schemaHash(): string {
    return this.#schema().hash;
  }

  #schema(): { bytes: Uint8Array; hash: string } {
    const { epoch, schema, names } = this.#clock;
    // A new schema is a new epoch.
    if (this.#encodedSchema?.epoch !== epoch) {
      const bytes = encodeSchema(schema, names);
      this.#encodedSchema = { epoch, bytes, hash: hashBytes(bytes) };
    }
    return this.#encodedSchema;
  }

  /** Takes a whole new clock of the node. `selected` are the node's indexes of this view's states, rising. */
  reset(selected: Uint32Array): void {
    const node = this.#node;
    this.#traced.clear();
    // A snapshot may correct a clock at the same version.
    this.#forget();
    this.#changes.length = 0;
    if (this.#clock === node) return;
    const names = Array.from(selected, (index) => node.names[index]!);
    this.#clock.reset({
      epoch: node.epoch,
      seq: node.seq,
      // Relations still name states outside the selection, as they hold on the source.
      schema: Object.fromEntries(names.map((name) => [name, node.schema[name] ?? {}])),
      names,
      ticks: Float64Array.from(selected, (index) => node.ticks[index]!),
      changedAt: Float64Array.from(selected, (index) => node.lastChangeOf(index)),
    });
  }

  /** Takes the tick of one state; `index` is that of this view. */
  set(index: number, tick: number): void {
    const { seq } = this.#node;
    ONE_INDEX[0] = index;
    ONE_TICK[0] = tick;
    this.#clock.advance(seq, ONE_INDEX, ONE_TICK);
    if (this.#changes.at(-1) === seq) return;
    this.#changes.push(seq);
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
  }

  /**
   * The first seq after `cursor` that changed something here, and the number of such seqs. Only the last
   * {@linkcode MAX_CHANGES} count.
   */
  changesSince(cursor: number): { firstSeq: number; changes: number } {
    if (this.#clock === this.#node) return { firstSeq: cursor + 1, changes: this.seq - cursor };
    const later = this.#changes.filter((seq) => seq > cursor);
    return { firstSeq: later[0] ?? this.seq, changes: later.length };
  }

  /** Makes everything up to the node's seq due to the downstreams. */
  setDue(traceContexts: readonly Uint8Array[]): void {
    const { seq } = this.#node;
    this.#dueSeq = seq;
    if (this.#clock !== this.#node) this.#traced.add(seq, traceContexts);
  }

  /** Trace contexts of the transitions after `cursor` that changed something here, in their order. */
  traceContextsSince(cursor: number): readonly Uint8Array[] {
    return this.#clock === this.#node
      ? this.#node.traceContextsSince(cursor)
      : this.#traced.since(cursor);
  }

  /**
   * The message that takes a downstream from `cursor` to now. It is encoded once for all downstreams at that
   * cursor, except with `traceContexts`, which are for one downstream.
   */
  encode(cursor: number, traceContexts?: readonly Uint8Array[]): Encoded {
    if (traceContexts !== undefined)
      return this.#encode({ ...this.message(cursor), traceContexts });
    return this.#share(this.#encoded, cursor, () => this.message(cursor));
  }

  /** The message that starts a stream. With a snapshot it is encoded once for all equal beginnings. */
  encodeStart(beginning: Beginning): Encoded {
    const { cursor, isSchemaKnown, selection } = beginning;
    if (cursor !== undefined) return this.#encode(this.#startMessage(beginning));
    const key = [isSchemaKnown, selection !== undefined, this.#sender.pathNumber].join();
    return this.#share(this.#snapshots, key, () => this.#startMessage(beginning));
  }

  #share<K>(known: Map<K, Encoded>, key: K, create: () => ClockMessage): Encoded {
    this.#forgetOld();
    const before = known.get(key);
    // An older message must not make the clock look fresher than it is now.
    if (
      before !== undefined &&
      before.ageMs >= this.#sender.ageMs() &&
      before.sentMs + SHARED_MS > this.#sender.sentMs()
    )
      return before;
    const encoded = this.#encode(create());
    known.set(key, encoded);
    return encoded;
  }

  #startMessage({ cursor, isSchemaKnown, selection, traceContexts }: Beginning): ClockMessage {
    const { schema, names, ticks } = this.#clock;
    const { wallBaseMs, heartbeatIntervalMs, path, machineId } = this.#sender;
    const start = {
      epoch: this.epoch,
      wallTimeMs: wallBaseMs,
      heartbeatIntervalMs,
      path,
      machineId,
      ticks: cursor === undefined ? Array.from(ticks) : undefined,
    };
    return {
      ...this.message(cursor ?? this.seq),
      ...(traceContexts && { traceContexts }),
      start: {
        ...start,
        schema: isSchemaKnown ? undefined : { schema, names },
        checksum: sealStart(start, this.schemaHash, selection),
      },
    };
  }

  /** The diff from `cursor` to now; a heartbeat if nothing has changed. */
  message(cursor: number): ClockMessage {
    const clock = this.#clock;
    const changed: number[] = [];
    clock.forEachChangedSince(cursor, (index) => changed.push(index));
    const indexes = Uint32Array.from(changed).sort();
    const wallDeltaMs = Math.round(this.#node.changedAtMs - this.#sender.wallBaseMs);
    const fields = {
      seq: this.#node.seq,
      wallDeltaMs,
      sentMs: toStamp(this.#sender.sentMs(), wallDeltaMs),
      ageMs: this.#sender.ageMs(),
      isDraining: this.#sender.isDraining,
    };
    return {
      ...fields,
      indexes,
      ticks: Float64Array.from(indexes, (index) => clock.ticks[index]!),
      checksum: sealMessage(clock.checksum, this.epoch, fields),
      traceContexts: this.traceContextsSince(cursor),
      start: undefined,
    };
  }

  #encode(message: ClockMessage): Encoded {
    const encodedSchema = message.start?.schema && this.#schema().bytes;
    return {
      envelope: encodeEnvelope(encodeClockMessage(message, encodedSchema)),
      isDiff: message.indexes.length > 0,
      ageMs: message.ageMs,
      sentMs: message.sentMs,
    };
  }

  /** Drops the encoded messages if the node has another version, or has begun to drain. */
  #forgetOld(): void {
    const { epoch, seq } = this.#node;
    const { isDraining } = this.#sender;
    const last = this.#encodedFor;
    if (last.seq === seq && last.epoch === epoch && last.isDraining === isDraining) return;
    this.#encodedFor = { epoch, seq, isDraining };
    this.#forget();
  }

  #forget(): void {
    this.#encoded.clear();
    this.#snapshots.clear();
  }
}

const ONE_INDEX = new Uint32Array(1);
const ONE_TICK = new Float64Array(1);
