/**
 * What the HTTP API needs from a node; it knows nothing else about the tree. `src/tree` implements
 * this; tests use a small fake.
 */

import type {
  Call,
  LinkStatus,
  Mutate,
  Selection,
  TimeSource,
  VersionedClock,
} from "../replication/mod.ts";

/** A node's place in the tree. */
export type NodeRole = "root" | "relay" | "leaf";

/** One node of the tree, as the HTTP API sees it. Properties are read at each request. */
export interface NodeApi {
  readonly name: string;
  /** Id of the machine at the root; empty before the first sync. */
  readonly machineId: string;
  readonly role: NodeRole;
  /** Hops from the root: 0 on the root, undefined while unknown. */
  readonly level?: number | undefined;
  readonly clock: VersionedClock;
  /** The states that this node follows; undefined for all. */
  readonly selection?: Selection | undefined;
  /** Age in milliseconds from which `/readyz` responds with 503. */
  readonly staleAfterMs: number;
  readonly time: TimeSource;
  /** Milliseconds since the last proof that the clock is up to date with the root: 0 on the root, Infinity before the first sync. */
  ageMs(): number;
  /**
   * Has the root run a mutation. Resolves with its result; rejects with a `ReplicationError` when
   * the root cannot be reached or refuses the request. After an abort of the signal, the mutation
   * may still be executed.
   */
  readonly mutate: Mutate;
  /** Has the root run a function that its machine serves. Rejects as {@linkcode mutate}. */
  readonly call: Call;
  topology(): Topology;
}

/** A node and its neighbours, as `GET /topology` shows them. Unknown values, and Infinity, are null. */
export interface Topology {
  readonly node: TopologyNode;
  /** Null on the root. */
  readonly upstream: TopologyUpstream | null;
  readonly downstreams: readonly TopologyDownstream[];
}

export interface TopologyNode {
  readonly name: string;
  readonly role: NodeRole;
  readonly level: number | null;
  /** Id of the machine at the root; null before the first sync. */
  readonly machine: string | null;
  /** The states that it follows, as names and as prefixes with a star; null for all. */
  readonly selection: readonly string[] | null;
  /** host:port of the replication server. */
  readonly addr: string;
  /** host:port of the HTTP API. */
  readonly httpAddr: string;
  /** Null before the first sync. */
  readonly version: string | null;
  readonly ageMs: number;
  /** RFC 3339, UTC. */
  readonly startedAt: string;
}

export interface TopologyUpstream {
  /** host:port in use, or tried next. */
  readonly address: string;
  readonly status: LinkStatus;
  /** Milliseconds since this node's clock was last proven to be that of its upstream; null before the first proof. */
  readonly lagMs: number | null;
  /** How often the link was restored after a loss. */
  readonly reconnects: number;
  readonly resyncs: number;
  readonly bytesReceived: number;
}

export interface TopologyDownstream {
  readonly name: string;
  /** As in {@linkcode TopologyNode}. */
  readonly selection: readonly string[] | null;
  /** The last seq sent. */
  readonly seq: number;
  readonly lagSeq: number;
  readonly lagMs: number | null;
  readonly bytesSent: number;
  /** Diffs and snapshots sent. */
  readonly pushes: number;
  /** Whether it takes no data at the moment. */
  readonly isStalled: boolean;
}
