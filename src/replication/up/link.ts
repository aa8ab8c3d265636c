/**
 * The link upstream: the loop that opens streams, hands their messages to the follower and does what its
 * steps say. It reconnects forever, with backoff; meanwhile the replica serves the clock that it has.
 */

import { ReplicationError } from "../clock/errors.ts";
import type { TimeSource } from "../clock/time_source.ts";
import type { VersionedClock } from "../clock/versioned_clock.ts";
import { sleep } from "../clock/waiting.ts";
import { type BackoffOptions, backoffMs } from "./backoff.ts";
import type { Follow, Follower, Received, Refusal } from "./follower.ts";
import type { UpstreamTracer } from "./tracer.ts";
import type { UpstreamStream } from "./upstream_stream.ts";
import type { Upstreams } from "./upstreams.ts";

/** A link that has held for this long, in milliseconds, was good: its loss is the first failure. */
const STABLE_AFTER_MS = 1_000;

export interface LinkOptions {
  readonly clock: VersionedClock;
  readonly follower: Follower;
  readonly upstreams: Upstreams;
  readonly backoff: BackoffOptions | undefined;
  readonly time: TimeSource;
  readonly random: () => number;
  readonly tracer: UpstreamTracer | undefined;
  /** Called after the follower's status has changed. */
  readonly onStatus: () => void;
}

export class Link {
  readonly #options: LinkOptions;
  /** Failures in a row. */
  #failures = 0;
  #lastError: ReplicationError | undefined = undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Why the link was lost the last time. */
  get lastError(): ReplicationError | undefined {
    return this.#lastError;
  }

  /** Follows until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { upstreams, follower, time, random, backoff } = this.#options;
    while (!signal.aborted) {
      const { stream, first } = upstreams.takeNext() ?? { stream: upstreams.open() };
      const startedAtMs = time.monotonic();
      const refusal = await this.#follow(stream, first, signal).catch(toLoss);
      if (signal.aborted || upstreams.hasNext) continue;
      this.#abandon(refusal);
      if (follower.provenAtMs - startedAtMs >= STABLE_AFTER_MS) this.#failures = 0;
      this.#failures++;
      // The first snapshot is due at once, later ones with backoff: the peer may be wrong each time.
      if (refusal.type === "resync" && this.#failures === 1) continue;
      upstreams.skip();
      await sleep(time, backoffMs(this.#failures, random, backoff), signal);
    }
    upstreams.takeNext()?.stream.close();
  }

  #abandon(refusal: Refusal): void {
    const { follower, tracer, upstreams } = this.#options;
    if (refusal.type === "resync") {
      const { reason, detail } = refusal;
      tracer?.resync?.(reason, detail);
      this.#update(() => follower.resync(reason));
    } else {
      const { error } = refusal;
      this.#lastError = error;
      tracer?.linkLost?.({ address: upstreams.address, error });
      this.#update(() => follower.lose());
    }
  }

  /** Changes the follower, and reports a status that has changed with it. */
  #update<T>(change: () => T): T {
    const { follower, onStatus } = this.#options;
    const before = follower.status;
    const result = change();
    if (follower.status !== before) onStatus();
    return result;
  }

  /** Follows one stream to its end; `first` was read from it before. Rejects with what broke the stream. */
  async #follow(
    stream: UpstreamStream,
    first: Received | undefined,
    signal: AbortSignal,
  ): Promise<Refusal> {
    const { follower, upstreams, time } = this.#options;
    const stop = () => stream.close(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const left = new AbortController();
    void upstreams.seekPreferred(stream, left.signal);
    let isSeeking = false;
    follower.openStream(time.monotonic(), first !== undefined);
    try {
      for (let next = first ?? (await stream.next()); next; next = await stream.next()) {
        const step = this.#receive(next, stream);
        if (step.type !== "follow") return step;
        if (step.outcome !== "behind") stream.trust(next);
        if (step.seek === undefined || isSeeking) continue;
        isSeeking = true;
        void upstreams.moveOn(stream, step.seek, left.signal).then((isOver) => {
          isSeeking = isOver;
        });
      }
    } finally {
      left.abort();
      signal.removeEventListener("abort", stop);
      stream.close();
    }
    return toLoss(new ReplicationError("unavailable", `${stream.address} ended the stream`));
  }

  #receive(received: Received, stream: UpstreamStream): Follow | Refusal {
    const { follower, time, tracer } = this.#options;
    const { message } = received;
    this.#update(() => follower.opened());
    const traceContexts = tracer?.applying?.(message.traceContexts) ?? message.traceContexts;
    return this.#update(() => {
      const step = follower.receive(received, stream.address, time.monotonic(), traceContexts);
      if (step.type === "follow") this.#trace(received, step);
      return step;
    });
  }

  #trace({ message, bytes, transitMs }: Received, { outcome, moved, seqBefore }: Follow): void {
    const { clock, tracer } = this.#options;
    if (moved === undefined) {
      if (outcome !== "behind") tracer?.heartbeatReceived?.(message.seq);
      return;
    }
    const isSnapshot = moved === "snapshot";
    tracer?.applied?.({
      isSnapshot,
      epoch: clock.epoch,
      seqBefore,
      seq: message.seq,
      stateCount: isSnapshot ? clock.names.length : message.indexes.length,
      bytes,
      transitMs,
      changedAtMs: clock.changedAtMs,
    });
  }
}

function toLoss(thrown: unknown): Refusal {
  return { type: "leave", error: ReplicationError.from(thrown) };
}
