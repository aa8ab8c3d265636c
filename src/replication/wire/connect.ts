/**
 * The Connect protocol, as far as client and server share it: paths, content types, bodies, errors, and the
 * framing of streamed messages: one byte of flags, four of length (big-endian), the message.
 */

import { ReplicationError, type ReplicationErrorCode } from "../clock/errors.ts";
import { MAX_NAME_LENGTH } from "../clock/limits.ts";

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

/** Paths and content types of the protocol. The `.proto` file determines the paths. */

const SERVICE = "statesource.v1.StateSourceService";
export const SUBSCRIBE_PATH = `/${SERVICE}/Subscribe`;
export const MUTATE_PATH = `/${SERVICE}/Mutate`;
export const CALL_PATH = `/${SERVICE}/Call`;
export const PROBE_PATH = `/${SERVICE}/Probe`;
/** All paths of the service. */
export const REPLICATION_PATHS: readonly string[] = [
  SUBSCRIBE_PATH,
  MUTATE_PATH,
  CALL_PATH,
  PROBE_PATH,
];

/** Content types of the Connect protocol with binary messages. */
export const STREAM_TYPE = "application/connect+proto";
export const UNARY_TYPE = "application/proto";

/** Whether the message has this content type, parameters aside. */
export function hasType(message: Request | Response, type: string): boolean {
  return message.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

/**
 * Reads a whole body. Throws {@linkcode ReplicationError} (`resource_exhausted`) beyond `maxBytes`, and the
 * reason of `signal` if that aborts first.
 */
export async function readBytes(
  message: Request | Response,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Not `for await`: some browsers lack it for streams.
  const reader = message.body?.getReader();
  const stop = () => void reader?.cancel().catch(() => {});
  signal?.addEventListener("abort", stop, { once: true });
  for (;;) {
    const chunk = (await reader?.read())?.value;
    signal?.throwIfAborted();
    if (chunk === undefined) break;
    length += chunk.length;
    if (length > maxBytes) {
      stop();
      throw new ReplicationError(
        "resource_exhausted",
        `Cannot read a body of more than ${maxBytes} bytes`,
      );
    }
    chunks.push(chunk);
  }
  signal?.removeEventListener("abort", stop);
  if (chunks.length === 1) return chunks[0]!;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Connect protocol, "Error Codes". */
const HTTP_STATUS: Record<ReplicationErrorCode, number> = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  unknown_state: 400,
  deadline_exceeded: 504,
  not_found: 404,
  resource_exhausted: 429,
  failed_precondition: 400,
  aborted: 409,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
};

/** HTTP status of a unary response with this error. */
export function httpStatusOf({ code }: ReplicationError): number {
  return HTTP_STATUS[code];
}

/** Connect's error object: `{"code","message"}`. `unknown_state` travels as `invalid_argument` with its states. */
export interface WireError {
  readonly code: string;
  readonly message?: string;
  readonly states?: readonly string[];
}

export function toWireError(error: ReplicationError): WireError {
  const { code, message, states } = error;
  return code === "unknown_state"
    ? { code: "invalid_argument", message, states }
    : { code, message };
}

/** Longest message accepted from a peer, in UTF-16 units, and most states: they appear in logs and responses. */
const MAX_MESSAGE_LENGTH = 1_000;
const MAX_STATES = 100;

/** Reads a Connect error object. `value` may have any shape, as it comes from a peer. */
export function fromWireError(value: unknown, fallback: ReplicationErrorCode): ReplicationError {
  const { code, message, states } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  const known = isCode(code) ? code : fallback;
  const text =
    typeof message === "string" && message !== ""
      ? message.slice(0, MAX_MESSAGE_LENGTH)
      : `The peer responded with the error "${typeof code === "string" ? code.slice(0, MAX_NAME_LENGTH) : known}"`;
  const names = (Array.isArray(states) ? states.slice(0, MAX_STATES) : []).filter(
    (name) => typeof name === "string" && name.length <= MAX_NAME_LENGTH,
  );
  if (known === "invalid_argument" && names.length > 0)
    return new ReplicationError("unknown_state", text, { states: names });
  // `unknown_state` is not a code of Connect: without states it is a plain `invalid_argument`.
  return new ReplicationError(known === "unknown_state" ? "invalid_argument" : known, text);
}

function isCode(code: unknown): code is ReplicationErrorCode {
  return typeof code === "string" && Object.hasOwn(HTTP_STATUS, code);
}
