/** One stream from a node upstream, message by message, with limits on its silence. */

import { ReplicationError } from "../clock/errors.ts";
import type { TimeSource } from "../clock/time_source.ts";
import { sleep } from "../clock/waiting.ts";
import { decodeClockMessage } from "../wire/message_codec.ts";
import { STAMP_ERROR_MS, type SubscribeRequest } from "../wire/messages.ts";
import type { SchemaLimits } from "../wire/schema_codec.ts";
import { openSubscription, sendProbe, type Transport } from "./client.ts";
import type { Received } from "./follower.ts";
import { SilenceTimer } from "./silence_timer.ts";
import { Transit } from "./transit.ts";

/** Silence of this many announced intervals means that the link is lost. */
const SILENT_INTERVALS = 3;
/** Least time between two probes, in milliseconds. */
const PROBE_PAUSE_MS = 5_000;

export interface UpstreamStreamOptions {
  readonly transport: Transport;
  readonly address: string;
  readonly request: SubscribeRequest;
  readonly time: TimeSource;
  /** Longest silence, in milliseconds, until the stream announces its own interval. */
  readonly connectTimeoutMs: number;
  /** Longest time between two whole messages, in milliseconds, whatever bytes arrive. */
  readonly messageTimeoutMs: number;
  readonly schemaLimits: SchemaLimits | undefined;
  /** Receives the length of each chunk. */
  readonly onBytes: (length: number) => void;
}

export class UpstreamStream {
  readonly address: string;
  readonly #abort = new AbortController();
  readonly #silence: SilenceTimer;
  /** Bytes may keep arriving without completing a message, for example if its length was damaged. */
  readonly #incomplete: SilenceTimer;
  readonly #messages: AsyncGenerator<Uint8Array>;
  readonly #options: UpstreamStreamOptions;
  readonly #openedAtMs: number;
  readonly #transit = new Transit();
  #wallTimeMs: number | undefined = undefined;
  #isProbing = false;

  /** Opens the stream at once; {@linkcode next} reports failures. */
  constructor(options: UpstreamStreamOptions) {
    const { transport, address, request, time, connectTimeoutMs, messageTimeoutMs, onBytes } =
      options;
    this.address = address;
    this.#options = options;
    this.#openedAtMs = time.monotonic();
    const silence = new SilenceTimer(time, connectTimeoutMs, (limitMs) =>
      this.close(new ReplicationError("unavailable", `${address} was silent for ${limitMs} ms`)),
    );
    this.#silence = silence;
    this.#incomplete = new SilenceTimer(time, messageTimeoutMs, (limitMs) =>
      this.close(
        new ReplicationError("data_loss", `${address} sent no whole message for ${limitMs} ms`),
      ),
    );
    this.#messages = openSubscription(transport, address, request, {
      signal: this.#abort.signal,
      onBytes(length) {
        // Any byte is a sign of life: a long snapshot on a slow link takes time.
        silence.reset();
        onBytes(length);
      },
    });
  }

  /** The next message; undefined at the orderly end. Throws {@linkcode ReplicationError}, and after {@linkcode close} its reason. */
  async next(): Promise<Received | undefined> {
    try {
      const { done, value } = await this.#messages.next();
      this.#abort.signal.throwIfAborted();
      if (done) return undefined;
      this.#incomplete.reset();
      const message = decodeClockMessage(value, this.#options.schemaLimits);
      if (message.start !== undefined)
        this.#silence.setLimit(SILENT_INTERVALS * message.start.heartbeatIntervalMs);
      const nowMs = this.#options.time.monotonic();
      if (message.start !== undefined) this.#wallTimeMs = message.start.wallTimeMs;
      const transitMs = Math.min(
        this.#transit.measure(message.sentMs, nowMs),
        nowMs - this.#openedAtMs + STAMP_ERROR_MS,
      );
      return { message, bytes: value.length, transitMs, receivedAtMs: nowMs };
    } catch (error) {
      throw this.#abort.signal.aborted ? this.#abort.signal.reason : error;
    }
  }

  /** Uses the stamp of a message that has just arrived and whose checksum was right. */
  trust({ message, receivedAtMs }: Received): void {
    this.#transit.bound(this.#openedAtMs, message.sentMs + STAMP_ERROR_MS, receivedAtMs);
    if (!this.#isProbing && this.#transit.isLoose(receivedAtMs)) void this.#probe();
  }

  async #probe(): Promise<void> {
    const { transport, address, time } = this.#options;
    this.#isProbing = true;
    const requestedAtMs = time.monotonic();
    try {
      const { sentMs, wallTimeMs } = await sendProbe(transport, address, this.#abort.signal);
      if (wallTimeMs === this.#wallTimeMs)
        this.#transit.bound(requestedAtMs, sentMs + 1, time.monotonic());
    } catch {
      // The stream itself shows whether the peer is alive; until the next probe the bound is looser.
    }
    await sleep(time, PROBE_PAUSE_MS, this.#abort.signal);
    this.#isProbing = false;
  }

  /** Abandons the stream; a pending {@linkcode next} throws `reason`. */
  close(reason: unknown = new ReplicationError("canceled", "The stream was closed")): void {
    this.#silence.stop();
    this.#incomplete.stop();
    this.#abort.abort(reason);
    void this.#messages.return(undefined).catch(() => {});
  }
}
