/**
 * Just enough of HTTP/2 to subscribe and to count what arrives, at a fraction of a client's cost: no HPACK
 * decoding, no streams, one buffer for all connections.
 */

import { connect, type Socket } from "node:net";
import { STREAM_TYPE, SUBSCRIBE_PATH } from "../wire/connect.ts";

const FRAME_HEADER = 9;
const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");
const MAX_WINDOW = 0x7fff_ffff;
/** Envelope header of Connect. */
const ENVELOPE_HEADER = 5;
/** Tag of the field `seq`, the first of a message unless it is 0. */
const SEQ_TAG = 0x08;

const shared = Buffer.alloc(65_536);

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

/** A literal header without indexing (RFC 7541, 6.2.2); `name` is its index in the static table, or a string. */
function literal(name: number | string, value: string): Buffer {
  const text = (string: string) => [string.length, ...Buffer.from(string, "latin1")];
  if (typeof name === "string") return Buffer.from([0, ...text(name), ...text(value)]);
  const index = name < 15 ? [name] : [15, name - 15];
  return Buffer.from([...index, ...text(value)]);
}

/** `:method POST`, `:scheme http`, path, authority, content type. */
const HEAD = Buffer.concat([
  Buffer.from([0x83, 0x86]),
  literal(4, SUBSCRIBE_PATH),
  literal(1, "127.0.0.1"),
  literal(31, STREAM_TYPE),
  literal("connect-protocol-version", "1"),
]);

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** One connection with any number of subscriptions. */
export class RawConnection {
  /** DATA frames, one per message, and all bytes received. */
  frames = 0;
  bytes = 0;
  /** Subscriptions with at least one message. */
  started = 0;
  /** Bytes until the first message of the first subscription was complete, including those of HTTP/2 itself. */
  joinBytes = 0;
  readonly #socket: Socket;
  /** Per subscription the seq of its last message; 0 before the first that has one. */
  readonly #seqs: Float64Array;
  readonly #hasStarted: Uint8Array;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(port: number, request: Uint8Array, streams: number) {
    this.#seqs = new Float64Array(streams);
    this.#hasStarted = new Uint8Array(streams);
    this.#socket = connect({
      host: "127.0.0.1",
      port,
      onread: {
        buffer: shared,
        callback: (length, buffer) => {
          this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, length));
          return true;
        },
      },
    });
    this.#socket.setNoDelay();
    this.#socket.on("error", () => {});
    const opening = [
      PREFACE,
      frame(SETTINGS, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(MAX_WINDOW)])),
      frame(WINDOW_UPDATE, 0, 0, uint32(MAX_WINDOW - 65_535)),
    ];
    for (let i = 0; i < streams; i++) {
      opening.push(frame(HEADERS, END_HEADERS, 2 * i + 1, HEAD));
      opening.push(frame(DATA, END_STREAM, 2 * i + 1, request));
    }
    this.#socket.write(Buffer.concat(opening));
  }

  /** Connects and sends `request`, an enveloped message, on `streams` streams. */
  static async open(port: number, request: Uint8Array, streams: number): Promise<RawConnection> {
    const connection = new RawConnection(port, request, streams);
    await new Promise<void>((resolve, reject) => {
      connection.#socket.once("connect", resolve);
      connection.#socket.once("error", reject);
    });
    return connection;
  }

  /** The seq that all subscriptions have reached. */
  get seq(): number {
    return Math.min(...this.#seqs);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.bytes += chunk.length;
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER) {
      const end = at + FRAME_HEADER + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#take(bytes, at, end);
      at = end;
    }
    // A copy, as all connections share the buffer.
    this.#rest = at < bytes.length ? Buffer.from(bytes.subarray(at)) : Buffer.alloc(0);
  }

  #take(bytes: Buffer, at: number, end: number): void {
    const type = bytes[at + 3]!;
    const isAck = (bytes[at + 4]! & ACK) !== 0;
    if (type === DATA) {
      this.frames++;
      const index = (bytes.readUInt32BE(at + 5) - 1) / 2;
      this.#seqs[index] = readSeq(bytes, at + FRAME_HEADER + ENVELOPE_HEADER, end);
      if (this.#hasStarted[index] === 0) {
        this.#hasStarted[index] = 1;
        this.started++;
        this.joinBytes ||= this.bytes;
      }
    } else if (type === SETTINGS && !isAck) {
      this.#socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    } else if (type === PING && !isAck) {
      this.#socket.write(frame(PING, ACK, 0, bytes.subarray(at + FRAME_HEADER, end)));
    } else if (type === RST_STREAM || type === GOAWAY) {
      throw new Error(`Cannot continue: the server sent frame ${type} of HTTP/2`);
    }
  }
}

/** The varint after {@linkcode SEQ_TAG}, 0 without it. */
function readSeq(bytes: Buffer, from: number, end: number): number {
  if (from >= end || bytes[from] !== SEQ_TAG) return 0;
  let seq = 0;
  let factor = 1;
  for (let at = from + 1; at < end; at++) {
    seq += (bytes[at]! & 0x7f) * factor;
    if (bytes[at]! < 0x80) return seq;
    factor *= 128;
  }
  throw new Error("Cannot continue: a message ends within its seq");
}
