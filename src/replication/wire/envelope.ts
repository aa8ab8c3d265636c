/** Connect's framing of streamed messages: one byte of flags, four of length (big-endian), the message. */

import { ReplicationError } from "../clock/errors.ts";

const HEADER_BYTES = 5;
const COMPRESSED = 1;
const END_STREAM = 2;
const MAX_KEPT_BYTES = 65_536;

export interface Envelope {
  readonly isEnd: boolean;
  readonly message: Uint8Array;
}

export function encodeEnvelope(message: Uint8Array, isEnd = false): Uint8Array<ArrayBuffer> {
  const envelope = new Uint8Array(HEADER_BYTES + message.length);
  envelope[0] = isEnd ? END_STREAM : 0;
  new DataView(envelope.buffer).setUint32(1, message.length);
  envelope.set(message, HEADER_BYTES);
  return envelope;
}

/** Splits a byte stream, which arrives in chunks of any size, into envelopes. */
export class EnvelopeReader {
  readonly #maxBytes: number;
  #buffer = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** `maxBytes` is the length of the longest message to accept. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether it holds bytes of an unfinished envelope. */
  get isWithin(): boolean {
    return this.#end > this.#start;
  }

  push(chunk: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + chunk.length > this.#buffer.length) {
      const buffer =
        held + chunk.length > this.#buffer.length
          ? new Uint8Array(2 * (held + chunk.length))
          : this.#buffer;
      buffer.set(this.#buffer.subarray(this.#start, this.#end));
      this.#buffer = buffer;
      this.#start = 0;
      this.#end = held;
    }
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Frees the buffer of a long message, which the small ones after it do not need. */
  #empty(): void {
    this.#start = 0;
    this.#end = 0;
    if (this.#buffer.length > MAX_KEPT_BYTES) this.#buffer = new Uint8Array(0);
  }

  /** The next whole envelope; undefined until more bytes arrive. Throws {@linkcode ReplicationError}. */
  read(): Envelope | undefined {
    if (this.#end - this.#start < HEADER_BYTES) return undefined;
    const flags = this.#buffer[this.#start]!;
    const length = new DataView(this.#buffer.buffer).getUint32(this.#start + 1);
    if ((flags & ~(COMPRESSED | END_STREAM)) !== 0) {
      throw new ReplicationError("invalid_argument", `Cannot read an envelope with flags ${flags}`);
    }
    if ((flags & COMPRESSED) !== 0) {
      throw new ReplicationError(
        "unimplemented",
        "Cannot read a compressed message: none was requested",
      );
    }
    if (length > this.#maxBytes) {
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot read a message of ${length} bytes: the limit is ${this.#maxBytes}`,
      );
    }
    const from = this.#start + HEADER_BYTES;
    if (this.#end < from + length) return undefined;
    const message = this.#buffer.slice(from, from + length);
    this.#start = from + length;
    if (this.#start === this.#end) this.#empty();
    return { isEnd: (flags & END_STREAM) !== 0, message };
  }
}
