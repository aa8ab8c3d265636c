/** One stream from a node upstream, message by message, with its limits on silence. */

import { openSubscription, type Transport } from "./client.ts";
import { ReplicationError } from "./errors.ts";
import { type ClockMessage, decodeClockMessage, type SubscribeRequest } from "./messages.ts";
import type { SchemaLimits } from "./schema_codec.ts";
import { SilenceTimer } from "./silence_timer.ts";
import type { TimeSource } from "./time_source.ts";

/** Silence of this many announced intervals means that the link is lost. */
const SILENT_INTERVALS = 3;

export interface UpstreamStreamOptions {
  readonly transport: Transport;
  readonly address: string;
  readonly request: SubscribeRequest;
  readonly time: TimeSource;
  /** Longest silence, in milliseconds, until the stream announces its own interval. */
  readonly connectTimeoutMs: number;
  readonly schemaLimits: SchemaLimits | undefined;
  /** Is told of each piece of bytes. */
  readonly onBytes: (length: number) => void;
}

export interface Received {
  readonly message: ClockMessage;
  /** Length of the message as sent, without its envelope. */
  readonly bytes: number;
}

export class UpstreamStream {
  readonly address: string;
  readonly #abort = new AbortController();
  readonly #silence: SilenceTimer;
  readonly #messages: AsyncGenerator<Uint8Array>;
  readonly #schemaLimits: SchemaLimits | undefined;

  /** Opens it at once; what fails is told by {@linkcode next}. */
  constructor(options: UpstreamStreamOptions) {
    const { transport, address, request, time, connectTimeoutMs, onBytes } = options;
    this.address = address;
    this.#schemaLimits = options.schemaLimits;
    const silence = new SilenceTimer(time, connectTimeoutMs, (limitMs) =>
      this.close(new ReplicationError("unavailable", `${address} was silent for ${limitMs} ms`)),
    );
    this.#silence = silence;
    this.#messages = openSubscription(transport, address, request, {
      signal: this.#abort.signal,
      onBytes(length) {
        // Any byte is a sign of life: a long snapshot on a slow link may take its time.
        silence.reset();
        onBytes(length);
      },
    });
  }

  /** The next message, undefined at the orderly end. Throws what the stream was closed with, or {@linkcode ReplicationError}. */
  async next(): Promise<Received | undefined> {
    try {
      const { done, value } = await this.#messages.next();
      this.#abort.signal.throwIfAborted();
      if (done) return undefined;
      const message = decodeClockMessage(value, this.#schemaLimits);
      if (message.start !== undefined)
        this.#silence.setLimit(SILENT_INTERVALS * message.start.heartbeatIntervalMs);
      return { message, bytes: value.length };
    } catch (error) {
      throw this.#abort.signal.aborted ? this.#abort.signal.reason : error;
    }
  }

  /** Gives the stream up; a {@linkcode next} under way throws `reason`. */
  close(reason: unknown = new ReplicationError("canceled", "The stream was closed")): void {
    this.#silence.stop();
    this.#abort.abort(reason);
    void this.#messages.return(undefined).catch(() => {});
  }
}
