/** What a replica is given, and the defaults of what it may be given. */

import type { Selection } from "../clock/selection.ts";
import type { TimeSource } from "../clock/time_source.ts";
import type { ReplicationTracer } from "../tracer.ts";
import type { SchemaLimits } from "../wire/schema_codec.ts";
import type { BackoffOptions } from "./backoff.ts";
import type { Transport } from "./client.ts";

export interface ReplicaOptions {
  /** Name of this node. */
  readonly name: string;
  /** host:port of the nodes upstream, the preferred first; at least one. */
  readonly addresses: readonly string[];
  readonly transport: Transport;
  /** How long a new stream may stay silent before its own interval is known, in milliseconds. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /** How long one message may take to come, in milliseconds: also the longest snapshot on the slowest link. Default 30,000. */
  readonly messageTimeoutMs?: number;
  /** How long an upstream may have no clock, or one behind ours, in milliseconds. Default 5,000. */
  readonly syncTimeoutMs?: number;
  /** While another than the preferred upstream is followed: longest wait before that one is tried, in milliseconds. Default 30,000. */
  readonly preferredRetryMs?: number;
  /** Age of the upstream's own clock from which another upstream is sought, in milliseconds. Default 3,000. */
  readonly maxUpstreamAgeMs?: number;
  /** Longest that a mutation waits for a link that is not live before it is refused, in milliseconds. Default 1,000. */
  readonly forwardWaitMs?: number;
  readonly backoff?: BackoffOptions;
  readonly schemaLimits?: SchemaLimits;
  /** The states to follow; all if absent. They are then this node's whole clock. */
  readonly selection?: Selection | undefined;
  readonly time?: TimeSource;
  /** Gives [0, 1). Default: `Math.random`. */
  readonly random?: () => number;
  readonly tracer?: ReplicationTracer;
}
