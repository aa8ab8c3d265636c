/** One direction of a TCP connection through a proxy: passes bytes on in their order, later, slower, or not at all. */

import type { Socket } from "node:net";
import type { TimeSource } from "../../replication/mod.ts";

/** How bytes pass. What is left out does not apply. */
export interface Shape {
  /** Every byte comes this much later, in milliseconds. */
  readonly delayMs?: number;
  /** And up to this much later still, at random, in milliseconds; the order is kept. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
}

/** Most that waits in a pipe, in bytes; beyond it the sender is no longer read from, as by a network that is full. */
const MAX_WAITING_BYTES = 64 * 1024;
/** A throttled pipe sends in pieces of this many bytes, as large as a packet. */
const PIECE_BYTES = 1_460;

type Item = { readonly bytes: Uint8Array | "end" | "reset"; readonly dueAtMs: number };

export class TcpPipe {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #time: TimeSource;
  readonly #random: () => number;
  readonly #onBytes: (length: number) => void;
  readonly #waiting: Item[] = [];
  #waitingBytes = 0;
  #shape: Shape = {};
  #isHeld = false;
  #isFull = false;
  #isOver = false;
  /** A throttled pipe is busy with the last piece until then. */
  #busyUntilMs = 0;
  #cancelTimer: (() => void) | undefined = undefined;

  constructor(
    from: Socket,
    to: Socket,
    options: {
      readonly time: TimeSource;
      readonly random: () => number;
      /** Is told of each piece that is passed on. */
      readonly onBytes: (length: number) => void;
    },
  ) {
    this.#from = from;
    this.#to = to;
    this.#time = options.time;
    this.#random = options.random;
    this.#onBytes = options.onBytes;
    from.on("data", (bytes: Uint8Array) => this.#push(bytes));
    from.on("end", () => this.#push("end"));
    from.on("error", () => this.#push("reset"));
    to.on("drain", () => this.#flush());
  }

  /** Bytes that were taken from the sender and not passed on yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How bytes pass from now on; those that wait keep the time at which they are due. */
  set shape(shape: Shape) {
    this.#shape = shape;
    this.#busyUntilMs = 0;
    this.#flush();
  }

  /** While held, nothing passes, and neither side is told, not even of an end; let go, all that waits follows. */
  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    this.#listen();
    this.#flush();
  }

  /** Passes nothing any more, for good. */
  stop(): void {
    this.#isOver = true;
    this.#cancelTimer?.();
    this.#waiting.length = 0;
  }

  #push(bytes: Item["bytes"]): void {
    if (this.#isOver) return;
    const { delayMs = 0, jitterMs = 0 } = this.#shape;
    const dueAtMs = Math.max(
      this.#time.monotonic() + delayMs + jitterMs * this.#random(),
      this.#waiting.at(-1)?.dueAtMs ?? 0,
    );
    this.#waiting.push({ bytes, dueAtMs });
    if (typeof bytes !== "string") this.#waitingBytes += bytes.length;
    this.#listen();
    this.#flush();
  }

  /** Reads from the sender only what there is room for. */
  #listen(): void {
    const isFull = this.#isHeld || this.#waitingBytes >= MAX_WAITING_BYTES;
    if (isFull === this.#isFull) return;
    this.#isFull = isFull;
    if (isFull) this.#from.pause();
    else this.#from.resume();
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    while (!this.#isOver && !this.#isHeld && !this.#to.writableNeedDrain) {
      const first = this.#waiting[0];
      if (first === undefined) break;
      const waitMs = Math.max(first.dueAtMs, this.#busyUntilMs) - this.#time.monotonic();
      if (waitMs > 0) {
        this.#cancelTimer = this.#time.setTimer(waitMs, () => this.#flush());
        break;
      }
      this.#pass(first);
    }
    this.#listen();
  }

  #pass({ bytes, dueAtMs }: Item): void {
    this.#waiting.shift();
    if (bytes === "reset") {
      this.#isOver = true;
      this.#to.resetAndDestroy();
      return;
    }
    if (bytes === "end") {
      // Not over: a reset can still follow.
      this.#to.end();
      return;
    }
    const { bytesPerSecond } = this.#shape;
    const piece = bytesPerSecond === undefined ? bytes : bytes.subarray(0, PIECE_BYTES);
    if (piece.length < bytes.length)
      this.#waiting.unshift({ bytes: bytes.subarray(piece.length), dueAtMs });
    if (bytesPerSecond !== undefined)
      this.#busyUntilMs = this.#time.monotonic() + (piece.length / bytesPerSecond) * 1_000;
    this.#waitingBytes -= piece.length;
    this.#to.write(piece);
    this.#onBytes(piece.length);
  }
}
