/** Which upstream a replica follows: the list of addresses, its place in it, and how it goes over to another without a break. */

import { ReplicationError } from "../clock/errors.ts";
import type { TimeSource } from "../clock/time_source.ts";
import { sleep } from "../clock/waiting.ts";
import type { ReplicationTracer } from "../tracer.ts";
import type { Start } from "../wire/messages.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import { type Begun, beginInTime, beginWithAny, type Candidate } from "./handover.ts";
import type { Received, UpstreamStream } from "./upstream_stream.ts";

export interface UpstreamsOptions {
  /** host:port, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly open: (address: string) => UpstreamStream;
  /** Throws if a stream that starts so must not be followed. */
  readonly check: (first: Received, start: Start, address: string) => void;
  /** While another than the preferred upstream is followed: longest wait before that one is tried, in milliseconds. */
  readonly preferredRetryMs: number;
  /** Age of an upstream's own clock from which it is not fit to go over to, in milliseconds. */
  readonly maxAgeMs: number;
  readonly backoff: BackoffOptions | undefined;
  readonly time: TimeSource;
  readonly random: () => number;
  readonly tracer: ReplicationTracer | undefined;
}

/** Other upstreams than one that is cut off itself are tried at the pace of this many failures. */
const SEEK_BACKOFF = 6;

export class Upstreams {
  readonly #options: UpstreamsOptions;
  #index = 0;
  #next: Begun | undefined = undefined;

  /** Throws `RangeError` without an address. */
  constructor(options: UpstreamsOptions) {
    if (options.addresses.length === 0)
      throw new RangeError("Cannot create a replica: it has no address upstream");
    this.#options = options;
  }

  /** The address in use, or the one tried next. */
  get address(): string {
    return this.#options.addresses[this.#index]!;
  }

  /** Whether a stream has begun that takes the place of the one in use. */
  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  /** That stream, which is the caller's from then on. */
  takeNext(): Begun | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  /** After a failure: on to the next address in the list. */
  skip(): void {
    this.#index = (this.#index + 1) % this.#options.addresses.length;
  }

  /** While another than the preferred upstream is followed: goes back to that once it can. */
  async seekPreferred(current: UpstreamStream, signal: AbortSignal): Promise<void> {
    if (this.#index === 0) return;
    const { addresses, time, random, preferredRetryMs } = this.#options;
    const begun = await beginInTime(this.#candidate(addresses[0]!), signal, {
      time,
      random,
      retryMs: preferredRetryMs,
    });
    if (begun !== undefined) this.#goOver(current, begun, "preferred", signal);
  }

  /**
   * The upstream is about to stop, or cut off itself: goes over to another. If none takes us, one that
   * stops is left at once, so that it need not wait. Resolves to whether that was the last of it.
   */
  async moveOn(
    current: UpstreamStream,
    reason: "draining" | "stale",
    signal: AbortSignal,
  ): Promise<boolean> {
    const { addresses, time, random, backoff } = this.#options;
    const others = addresses
      .map((_, i) => addresses[(this.#index + i) % addresses.length]!)
      .filter((address) => address !== current.address);
    const begun = await beginWithAny(
      others.map((address) => this.#candidate(address)),
      signal,
    );
    if (begun !== undefined) {
      this.#goOver(current, begun, reason, signal);
    } else if (reason === "draining") {
      current.close(new ReplicationError("unavailable", `${current.address} is stopping`));
    } else {
      await sleep(time, backoffMs(SEEK_BACKOFF, random, backoff), signal);
      return false;
    }
    return true;
  }

  #candidate(address: string): Candidate {
    const { open, check, maxAgeMs } = this.#options;
    return {
      open: () => open(address),
      check: (first) => {
        const { message } = first;
        check(first, message.start!, address);
        if (message.ageMs > maxAgeMs)
          throw new ReplicationError("unavailable", `${address} is cut off itself`);
      },
    };
  }

  #goOver(
    current: UpstreamStream,
    begun: Begun,
    reason: "preferred" | "draining" | "stale",
    signal: AbortSignal,
  ): void {
    const { address } = begun.stream;
    // The stream may have ended meanwhile, or another have begun.
    if (signal.aborted || this.#next !== undefined) {
      begun.stream.close();
      return;
    }
    this.#next = begun;
    this.#index = this.#options.addresses.indexOf(address);
    this.#options.tracer?.moved?.({ address, reason });
    current.close();
  }
}
