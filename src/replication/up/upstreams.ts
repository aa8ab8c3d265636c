/**
 * Which upstream a replica follows: the list of addresses, the place in it, and the handover to another one
 * without a gap, whose stream begins before the old one is left.
 */

import { ReplicationError } from "../clock/errors.ts";
import type { TimeSource } from "../clock/time_source.ts";
import { sleep } from "../clock/waiting.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import type { Follower, Received } from "./follower.ts";
import type { LinkMove, UpstreamTracer } from "./tracer.ts";
import type { UpstreamStream } from "./upstream_stream.ts";

export interface UpstreamsOptions {
  /** host:port, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly open: (address: string) => UpstreamStream;
  /** Judges whether a stream may be followed. */
  readonly follower: Follower;
  /** Longest wait before the preferred upstream is tried again while another is followed, in milliseconds. */
  readonly preferredRetryMs: number;
  /** Age of an upstream's own clock from which it is no target for a handover, in milliseconds. */
  readonly maxAgeMs: number;
  readonly backoff: BackoffOptions | undefined;
  readonly time: TimeSource;
  readonly random: () => number;
  readonly tracer: UpstreamTracer | undefined;
}

/** While the upstream is cut off, others are tried at the pace of this many failures. */
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

  /** Opens a stream to {@linkcode address}. */
  open(): UpstreamStream {
    return this.#options.open(this.address);
  }

  /** Whether a stream has begun that replaces the one in use. */
  get hasNext(): boolean {
    return this.#next !== undefined;
  }

  /** That stream, which the caller owns from then on. */
  takeNext(): Begun | undefined {
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  /** After a failure: goes to the next address in the list. */
  skip(): void {
    this.#index = (this.#index + 1) % this.#options.addresses.length;
  }

  /** While another than the preferred upstream is followed: returns to the preferred one once that is possible. */
  async seekPreferred(current: UpstreamStream, signal: AbortSignal): Promise<void> {
    if (this.#index === 0) return;
    const { addresses, time, random, preferredRetryMs } = this.#options;
    const begun = await beginInTime(this.#candidate(addresses[0]!), signal, {
      time,
      random,
      retryMs: preferredRetryMs,
    });
    if (begun !== undefined) this.#handOver(current, begun, "preferred", signal);
  }

  /**
   * Moves from an upstream that is about to stop, or is cut off, to another one. If there is none, a stopping
   * upstream is left at once, so that it does not wait for us. Resolves to whether the search is over.
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
      this.#handOver(current, begun, reason, signal);
    } else if (reason === "draining") {
      current.close(new ReplicationError("unavailable", `${current.address} is stopping`));
    } else {
      await sleep(time, backoffMs(SEEK_BACKOFF, random, backoff), signal);
      return false;
    }
    return true;
  }

  #candidate(address: string): Candidate {
    const { open, follower, maxAgeMs } = this.#options;
    return {
      open: () => open(address),
      isFit: (first: Received) =>
        first.message.ageMs <= maxAgeMs &&
        follower.refusalOf(first, first.message.start!, address) === undefined,
    };
  }

  #handOver(
    current: UpstreamStream,
    begun: Begun,
    reason: LinkMove["reason"],
    signal: AbortSignal,
  ): void {
    const { address } = begun.stream;
    // Meanwhile the stream may have ended, or another may have begun.
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

/** A stream that has begun, with the start that was read from it. */
export interface Begun {
  readonly stream: UpstreamStream;
  readonly first: Received;
}

/** Another upstream, tried while the current one is in use. */
interface Candidate {
  readonly open: () => UpstreamStream;
  /** Whether a stream that starts with `first` may be followed. */
  readonly isFit: (first: Received) => boolean;
}

/** How many heartbeats an upstream that is a little behind us has to catch up. */
const MAX_HEARTBEATS = 3;

/** The stream if the upstream accepts us and may be followed; the caller owns it from then on. */
async function begin(candidate: Candidate, signal: AbortSignal): Promise<Begun | undefined> {
  const stream = candidate.open();
  const stop = () => stream.close();
  signal.addEventListener("abort", stop, { once: true });
  try {
    let first = await stream.next();
    // Heartbeats before its start mean that it has no clock, at seq 0, or one that is behind ours.
    for (
      let i = 0;
      i < MAX_HEARTBEATS && first?.message.start === undefined && first?.message.seq;
      i++
    )
      first = await stream.next();
    if (
      first?.message.start !== undefined &&
      !signal.aborted &&
      !first.message.isDraining &&
      candidate.isFit(first)
    )
      return { stream, first };
  } catch {
    // It cannot be reached, or is unfit: the current stream continues.
  } finally {
    signal.removeEventListener("abort", stop);
  }
  stream.close();
  return undefined;
}

/** Tries each candidate once, in order. Resolves to the first that begins; to undefined if none does, or `signal` aborts. */
async function beginWithAny(
  candidates: readonly Candidate[],
  signal: AbortSignal,
): Promise<Begun | undefined> {
  for (const candidate of candidates) {
    const begun = await begin(candidate, signal);
    if (begun !== undefined || signal.aborted) return begun;
  }
  return undefined;
}

/**
 * Tries the candidate repeatedly, after between half of `retryMs` and all of it, so that many replicas do
 * not return at once. Resolves once it begins, or to undefined when `signal` aborts.
 */
async function beginInTime(
  candidate: Candidate,
  signal: AbortSignal,
  pace: { readonly time: TimeSource; readonly random: () => number; readonly retryMs: number },
): Promise<Begun | undefined> {
  const { time, random, retryMs } = pace;
  while (!signal.aborted) {
    await sleep(time, retryMs * (0.5 + random() / 2), signal);
    if (signal.aborted) return undefined;
    const begun = await begin(candidate, signal);
    if (begun !== undefined) return begun;
  }
  return undefined;
}
