/**
 * The replica: a clock that follows an upstream, and forwards mutations to it. `follower.ts` has the rules,
 * `link.ts` the loop around them.
 */

import type { CallRequest, CallResponse } from "../clock/call.ts";
import type { ReplicationError } from "../clock/errors.ts";
import type { MutateOptions, MutationRequest, MutationResponse } from "../clock/mutation.ts";
import type { Selection } from "../clock/selection.ts";
import { systemTime, type TimeSource } from "../clock/time_source.ts";
import { VersionedClock } from "../clock/versioned_clock.ts";
import type { SchemaLimits } from "../wire/schema_codec.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Transport } from "./client.ts";
import { Follower } from "./follower.ts";
import { Forwarder } from "./forwarder.ts";
import { Link } from "./link.ts";
import type { LinkStatus } from "./link_status.ts";
import type { ResyncReason, UpstreamTracer } from "./tracer.ts";
import { UpstreamStream } from "./upstream_stream.ts";
import { Upstreams } from "./upstreams.ts";

export class Replica {
  readonly clock: VersionedClock;
  readonly #time;
  readonly #follower: Follower;
  readonly #upstreams: Upstreams;
  readonly #link: Link;
  readonly #forwarder: Forwarder;
  readonly #onStatus: () => void;
  readonly #abort = new AbortController();
  #bytesReceived = 0;
  #running: Promise<void> | undefined = undefined;

  /** Throws `RangeError` without an address. */
  constructor(options: ReplicaOptions) {
    const {
      name,
      selection,
      transport,
      addresses,
      backoff,
      tracer,
      schemaLimits,
      connectTimeoutMs = 2_000,
      messageTimeoutMs = 30_000,
      syncTimeoutMs = 5_000,
      preferredRetryMs = 30_000,
      maxUpstreamAgeMs = 3_000,
      forwardWaitMs = 1_000,
      time = systemTime,
      random = Math.random,
    } = options;
    this.#time = time;
    const clock = new VersionedClock(options.onListenerError);
    const follower = new Follower(clock, { name, selection, maxUpstreamAgeMs, syncTimeoutMs });
    this.clock = clock;
    this.#follower = follower;
    this.#upstreams = new Upstreams({
      addresses,
      preferredRetryMs,
      maxAgeMs: maxUpstreamAgeMs,
      backoff,
      time,
      random,
      tracer,
      follower,
      open: (address) =>
        new UpstreamStream({
          transport,
          address,
          request: follower.createRequest(),
          time,
          connectTimeoutMs,
          messageTimeoutMs,
          schemaLimits,
          onBytes: (length) => {
            this.#bytesReceived += length;
          },
        }),
    });
    this.#forwarder = new Forwarder({
      transport,
      waitMs: forwardWaitMs,
      address: () => this.address,
      describe: () =>
        `the link to ${this.address} is ${this.status}${this.lastError ? ` (${this.lastError.message})` : ""}`,
      time,
      tracer,
    });
    this.#onStatus = () => {
      this.#forwarder.isLive = this.status === "live";
      tracer?.linkStatus?.(this.status, this.address);
    };
    const upstreams = this.#upstreams;
    const onStatus = this.#onStatus;
    this.#link = new Link({ clock, follower, upstreams, backoff, time, random, tracer, onStatus });
  }

  get status(): LinkStatus {
    return this.#follower.status;
  }

  /** The address in use, or the one tried next. */
  get address(): string {
    return this.#upstreams.address;
  }

  /** Id of the machine upstream; empty before the first sync. */
  get machineId(): string {
    return this.#follower.machineId;
  }

  /** Node names from the root to the node upstream; empty before the first sync. */
  get path(): readonly string[] {
    return this.#follower.path;
  }

  /** Milliseconds since this clock was last proven to be the root's; Infinity before the first sync. */
  ageMs(): number {
    return this.#time.monotonic() - this.#follower.provenAtMs;
  }

  /** Milliseconds since this clock was last proven to be that of its upstream; Infinity before the first sync. */
  lagMs(): number {
    return this.#time.monotonic() - this.#follower.syncedAtMs;
  }

  /** How often the link was established again after a loss. */
  get reconnects(): number {
    return this.#follower.reconnects;
  }

  /** How often a snapshot was taken because of an error, by reason. */
  get resyncs(): ReadonlyMap<ResyncReason, number> {
    return this.#follower.resyncs;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Why the link was lost the last time. */
  get lastError(): ReplicationError | undefined {
    return this.#link.lastError;
  }

  /** Starts to follow. Call it once. */
  start(): void {
    this.#running ??= this.#link.run(this.#abort.signal);
  }

  /** Stops following, for good. */
  async close(): Promise<void> {
    if (this.status !== "closed") {
      this.#follower.close();
      this.#onStatus();
    }
    this.#abort.abort();
    await this.#running;
  }

  /**
   * Has the root run a mutation. Throws {@linkcode ReplicationError}; after `deadline_exceeded`, and after
   * `unavailable` for another reason than a link that is not live, the root may still have run it.
   */
  mutate(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    return this.#forwarder.forward(request, options);
  }

  /** Has the root run a function that its machine serves. Throws as {@linkcode mutate}. */
  call(request: CallRequest, options: MutateOptions): Promise<CallResponse> {
    return this.#forwarder.call(request, options);
  }
}

export interface ReplicaOptions {
  /** Name of this node. */
  readonly name: string;
  /** host:port of the nodes upstream, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly transport: Transport;
  /** Longest silence of a new stream before its own heartbeat interval is known, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** Longest that one message may take to arrive, in milliseconds: also the largest snapshot on the slowest link. Default 30,000. */
  readonly messageTimeoutMs?: number;
  /** Longest that an upstream may have no clock, or one behind ours, in milliseconds. Default 5,000. */
  readonly syncTimeoutMs?: number;
  /** Longest wait before the preferred upstream is tried again while another is followed, in milliseconds. Default 30,000. */
  readonly preferredRetryMs?: number;
  /** Age of the upstream's own clock from which another upstream is sought, in milliseconds. Default 3,000. */
  readonly maxUpstreamAgeMs?: number;
  /** Longest that a mutation waits for a live link before it is refused, in milliseconds. Default 1,000. */
  readonly forwardWaitMs?: number;
  readonly backoff?: BackoffOptions;
  readonly schemaLimits?: SchemaLimits;
  /** The states to follow; all if absent. They are then this node's whole clock. */
  readonly selection?: Selection | undefined;
  readonly time?: TimeSource;
  /** Returns numbers in [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  readonly tracer?: UpstreamTracer;
  /** Receives what a listener of the clock throws. Default: nobody catches it. */
  readonly onListenerError?: (error: Error) => void;
}
