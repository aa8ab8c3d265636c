/** The options of a replica, and their defaults. */

import type { Selection } from "../clock/selection.ts";
import type { TimeSource } from "../clock/time_source.ts";
import type { SchemaLimits } from "../wire/schema_codec.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Transport } from "./client.ts";
import type { UpstreamTracer } from "./tracer.ts";

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
