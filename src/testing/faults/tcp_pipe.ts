/** One direction of a TCP connection through a proxy: forwards bytes in order, later, slower, or never. */

import type { Socket } from "node:net";
import type { TimeSource } from "../../replication/mod.ts";

/** How bytes are forwarded. Omitted properties do not apply. */
export interface Shape {
  /** Delay of every byte, in milliseconds. */
  readonly delayMs?: number;
  /** Largest random addition to the delay, in milliseconds; the order is kept. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
}

/** Most bytes that wait in a pipe; beyond it, the pipe stops reading from the sender, as a full network does. */
const MAX_WAITING_BYTES = 64 * 1024;
/** Size of the pieces of a throttled pipe in bytes, that of a packet. */
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
  /** Until when a throttled pipe is busy with the last piece. */
  #busyUntilMs = 0;
  #cancelTimer: (() => void) | undefined = undefined;

  constructor(
    from: Socket,
    to: Socket,
    options: {
      readonly time: TimeSource;
      readonly random: () => number;
      /** Called with the size of each forwarded piece. */
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

  /** Bytes read from the sender and not forwarded yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** How bytes are forwarded from now on; waiting bytes keep their due time. */
  set shape(shape: Shape) {
    this.#shape = shape;
    this.#busyUntilMs = 0;
    this.#flush();
  }

  /** While held, forwards nothing, not even an end; afterwards, forwards everything that waits. */
  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    this.#listen();
    this.#flush();
  }

  /** Forwards nothing any more. */
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

  /** Reads from the sender only as much as there is room for. */
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
      // A reset can still follow.
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
