/**
 * The body of one `GET /states/stream`. It holds a cursor and no history: when the reader is ready
 * for more, the stream reads from the clock what the reader has missed, as one merged diff.
 */

import type { NodeApi } from "./node_api.ts";
import type { StateEvents } from "./state_events.ts";
import type { Version } from "./version.ts";

export interface StateStreamOptions {
  /** The version that the reader has; undefined starts with a snapshot. */
  readonly after: Version | undefined;
  readonly heartbeatIntervalMs: number;
  /** Bytes that may wait for the reader before diffs are merged. One event may exceed it. */
  readonly bufferBytes: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

const encoder = new TextEncoder();
/** Tells browsers to reconnect one second after a loss. */
const RETRY_FIELD = encoder.encode("retry: 1000\n\n");

/**
 * Streams the clock's changes. While the reader keeps up, each version has its own event. When
 * `bufferBytes` wait, the cursor stays behind, and the next event carries all changes since. A new
 * epoch or a resync sends a snapshot. A reader that comes from a faster node may be ahead of this one
 * in the same epoch; it receives nothing until this node has passed its version.
 */
export class StateStream {
  readonly body: ReadableStream<Uint8Array>;
  /** Resolves when the reader has left or the signal was aborted. Never rejects. */
  readonly done: Promise<void>;

  readonly #node: NodeApi;
  readonly #events: StateEvents;
  readonly #options: StateStreamOptions;
  readonly #resolveDone: () => void;
  readonly #unsubscribe: () => void;
  #cancelTimer: () => void;
  // Invariant: the version of the reader once it has read all that is enqueued; undefined requires a snapshot.
  #cursor: Version | undefined;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  /** Starts at once. `events` must exist already, so that it learns of each change before this stream does. */
  constructor(node: NodeApi, events: StateEvents, options: StateStreamOptions) {
    this.#node = node;
    this.#events = events;
    this.#options = options;
    this.#cursor = options.after?.epoch === node.clock.epoch ? options.after : undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.done = promise;
    this.#resolveDone = resolve;
    this.body = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#flush(),
        cancel: () => this.#release(),
      },
      { highWaterMark: options.bufferBytes, size: (chunk) => chunk.length },
    );
    this.#unsubscribe = node.clock.onChange((change) => {
      if (change.type === "reset" && !this.#isAhead()) this.#cursor = undefined;
      this.#flush();
    });
    this.#cancelTimer = this.#scheduleHeartbeat();
    options.signal.addEventListener("abort", this.#end, { once: true });
    this.#controller.enqueue(RETRY_FIELD);
    this.#flush();
    if (options.signal.aborted) this.#end();
  }

  #flush(): void {
    if (this.#isFull()) return;
    const { epoch, seq } = this.#node.clock;
    const since = this.#cursor;
    if (since?.epoch === epoch && since.seq >= seq) return;
    // Set before enqueue(), which pulls again before it returns if a reader waits.
    this.#cursor = { epoch, seq };
    const isDiff = since?.epoch === epoch;
    this.#controller.enqueue(isDiff ? this.#events.diff(since.seq) : this.#events.snapshot());
  }

  #isFull(): boolean {
    return (this.#controller.desiredSize ?? 0) <= 0;
  }

  #isAhead(): boolean {
    const { epoch, seq } = this.#node.clock;
    return this.#cursor?.epoch === epoch && this.#cursor.seq > seq;
  }

  #scheduleHeartbeat(): () => void {
    return this.#node.time.setTimer(this.#options.heartbeatIntervalMs, () => {
      this.#cancelTimer = this.#scheduleHeartbeat();
      const comment = `: age-ms ${Math.ceil(this.#node.ageMs())}\n\n`;
      if (!this.#isFull()) this.#controller.enqueue(encoder.encode(comment));
    });
  }

  readonly #end = (): void => {
    this.#release();
    this.#controller.close();
  };

  #release(): void {
    this.#unsubscribe();
    this.#cancelTimer();
    this.#options.signal.removeEventListener("abort", this.#end);
    this.#resolveDone();
  }
}
