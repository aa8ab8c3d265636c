/** One downstream of a publisher: how far it was sent, and where its bytes go. */

import type { Selection } from "../clock/selection.ts";
import type { TimeSource } from "../clock/time_source.ts";
import type { SubscribeRequest } from "../wire/messages.ts";
import type { SelectionView } from "./selection_view.ts";

/** Where one downstream's bytes go. */
export interface Sink {
  /** Bytes that wait to be taken. Default 0. */
  readonly bufferedBytes?: number;
  /** Takes an envelope. Returns false when no more should be written until {@linkcode Downstream.drained}. */
  write(envelope: Uint8Array<ArrayBuffer>): boolean;
  /** Nothing more will be written; what was written is still to be sent. */
  close(): void;
  /** Cuts the stream off at once, with what waits in it. */
  abort(error: Error): void;
}

/** One downstream, as its transport and `/topology` see it. */
export interface Downstream {
  readonly name: string;
  /** The states that it asked for; undefined for all. */
  readonly selection: Selection | undefined;
  /** The seq that it has been sent. */
  readonly seq: number;
  /** How many diffs it is behind; 0 if none of them changed a state that it asked for. */
  readonly lagSeq: number;
  /** Milliseconds since it was last sent all there was; 0 if it is up to date. */
  readonly lagMs: number;
  readonly bytesSent: number;
  /** Bytes of those that wait here to be taken; what its connection holds is not known. */
  readonly bufferedBytes: number;
  readonly pushes: number;
  /** Whether its buffer is full. */
  readonly isStalled: boolean;
  /** The sink takes bytes again. */
  drained(): void;
  /** The downstream is gone. */
  close(): void;
}

/** What a downstream tells its publisher. */
export interface DownstreamOwner {
  /** It can be written to again. */
  resume(downstream: OpenDownstream): void;
  /** The other side is gone. */
  forget(downstream: OpenDownstream): void;
}

/** A downstream as its publisher sees it. */
export class OpenDownstream implements Downstream {
  readonly name: string;
  readonly selection: Selection | undefined;
  /** What it is sent from. */
  readonly view: SelectionView;
  readonly sink: Sink;
  readonly #owner: DownstreamOwner;
  readonly #time: TimeSource;
  /** Epoch and seq that it has been sent up to; before its start, what it said that it has. */
  epoch: string;
  cursor: number;
  schemaHash: string;
  hasStarted = false;
  /** Which of the owner's paths it was told. */
  pathNumber = 0;
  bytesSent = 0;
  pushes = 0;
  sentAtMs: number;
  /** When its buffer became full; NaN if it is not. */
  stalledAtMs = Number.NaN;

  constructor(
    owner: DownstreamOwner,
    view: SelectionView,
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
