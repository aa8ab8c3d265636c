/** One downstream of a publisher: what it has been pushed, and where its bytes go. */

import type { Selection } from "../clock/selection.ts";
import type { TimeSource } from "../clock/time_source.ts";
import type { SubscribeRequest } from "../wire/messages.ts";
import type { PublishedView } from "./published_view.ts";

/** Where one downstream's bytes go. */
export interface Sink {
  /** Bytes that wait to be read. Default 0. */
  readonly bufferedBytes?: number;
  /** Writes an envelope. Returns false if nothing more should be written until {@linkcode Downstream.drained}. */
  write(envelope: Uint8Array<ArrayBuffer>): boolean;
  /** Nothing more will be written; what was written is still sent. */
  close(): void;
  /** Resets the stream at once and drops what waits in it. */
  abort(error: Error): void;
}

/** One downstream, as its transport and `/topology` see it. */
export interface Downstream {
  readonly name: string;
  /** The requested states; undefined for all. */
  readonly selection: Selection | undefined;
  /** The last seq that was pushed to it. */
  readonly seq: number;
  /** How many diffs it is behind; 0 if none of them changed a requested state. */
  readonly lagSeq: number;
  /** If it is behind, milliseconds since the last message to it; else 0. */
  readonly lagMs: number;
  readonly bytesSent: number;
  /** Bytes that wait here to be read; not those that its connection holds. */
  readonly bufferedBytes: number;
  readonly pushes: number;
  /** Whether its buffer is full. */
  readonly isStalled: boolean;
  /** The sink can be written to again. */
  drained(): void;
  /** The downstream has left. */
  close(): void;
}

/** The publisher, as its downstreams see it. */
export interface DownstreamOwner {
  /** The downstream can be written to again. */
  resume(downstream: OpenDownstream): void;
  /** The downstream has left. */
  forget(downstream: OpenDownstream): void;
}

/** A downstream as its publisher sees it. */
export class OpenDownstream implements Downstream {
  readonly name: string;
  readonly selection: Selection | undefined;
  /** The clock that is pushed to it. */
  readonly view: PublishedView;
  readonly sink: Sink;
  readonly #owner: DownstreamOwner;
  readonly #time: TimeSource;
  /** Epoch and seq up to which it has been pushed the clock; before its start, those of its request. */
  epoch: string;
  cursor: number;
  schemaHash: string;
  hasStarted = false;
  /** The number of the path that it was sent: {@linkcode SenderInfo.pathNumber}. */
  pathNumber = 0;
  bytesSent = 0;
  pushes = 0;
  sentAtMs: number;
  /** When its buffer became full; NaN if it is not. */
  stalledAtMs = Number.NaN;

  constructor(
    owner: DownstreamOwner,
    view: PublishedView,
    request: SubscribeRequest,
    sink: Sink,
    time: TimeSource,
  ) {
    this.#owner = owner;
    this.#time = time;
    this.name = request.name;
    this.selection = request.selection;
    this.view = view;
    this.sink = sink;
    this.epoch = request.epoch;
    this.cursor = request.seq;
    this.schemaHash = request.schemaHash;
    this.sentAtMs = time.monotonic();
  }

  get seq(): number {
    return this.epoch === this.view.epoch ? this.cursor : 0;
  }

  get isBehind(): boolean {
    return this.view.isBehind(this.epoch, this.cursor);
  }

  get lagSeq(): number {
    return this.isBehind ? Math.max(0, this.view.seq - this.seq) : 0;
  }

  get lagMs(): number {
    return this.isBehind ? this.#time.monotonic() - this.sentAtMs : 0;
  }

  get bufferedBytes(): number {
    return this.sink.bufferedBytes ?? 0;
  }

  get isStalled(): boolean {
    return !Number.isNaN(this.stalledAtMs);
  }

  drained(): void {
    if (!this.isStalled) return;
    this.stalledAtMs = Number.NaN;
    this.#owner.resume(this);
  }

  close(): void {
    this.#owner.forget(this);
  }
}
