/**
 * What the HTTP API needs of a node: the whole of its knowledge about the tree. `src/tree`
 * implements it; tests use a small fake.
 */

import type {
  LinkStatus,
  Mutate,
  Selection,
  TimeSource,
  VersionedClock,
} from "../replication/mod.ts";

/** A node's place in the tree. */
export type NodeRole = "root" | "relay" | "leaf";

/** One node of the tree, as the HTTP API sees it. All getters are read at each request. */
export interface NodeApi {
  readonly name: string;
  readonly machineId: string;
  readonly role: NodeRole;
  /** Hops from the root: 0 on the root, undefined while unknown. */
  readonly level?: number | undefined;
  readonly clock: VersionedClock;
  /** The states that the clock has, if this node follows a selection; undefined for all that there are. */
  readonly selection?: Selection | undefined;
  /** Age in milliseconds from which `/readyz` answers 503. */
  readonly staleAfterMs: number;
  readonly time: TimeSource;
  /** Milliseconds since the last proof of being up to date with the root: 0 on it, Infinity before the first sync. */
  ageMs(): number;
  /**
   * Has the root run a mutation. Resolves with its result, rejects with a `ReplicationError` when
   * the root cannot be reached or refuses the request. When the signal is aborted nobody waits for
   * the reply any more; the mutation may still be executed.
   */
  readonly mutate: Mutate;
  topology(): Topology;
}

/** A node and its neighbours, as `GET /topology` shows them. Values that are not known are null, Infinity becomes null. */
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
  /** Names, and prefixes with a star, of the states that it follows; null for all. */
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
  /** host:port in use, or the one tried next. */
  readonly address: string;
  readonly status: LinkStatus;
  /** Milliseconds since this node's clock was last proven to be that of its upstream; null before the first proof. */
  readonly lagMs: number | null;
  /** Times that the link was made again after a loss. */
  readonly reconnects: number;
  readonly resyncs: number;
  readonly bytesReceived: number;
}

export interface TopologyDownstream {
  readonly name: string;
  /** As the node's own. */
  readonly selection: readonly string[] | null;
  /** Last seq sent to it. */
  readonly seq: number;
  readonly lagSeq: number;
  readonly lagMs: number | null;
  readonly bytesSent: number;
  /** Diffs and snapshots sent. */
  readonly pushes: number;
  /** Whether it takes nothing at the moment. */
  readonly isStalled: boolean;
}
