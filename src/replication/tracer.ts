/** Hooks into replication: what telemetry and debuggers implement. All are optional and must not throw. */

import type { ReplicationError } from "./clock/errors.ts";
import type { LinkStatus } from "./up/link_status.ts";
import type { MutationRequest, MutationResponse } from "./wire/mutation_messages.ts";

/** Why a replica leaves the diffs and takes a snapshot. */
export type ResyncReason = "checksum" | "unknown_state" | "seq_back" | "tick_back" | "epoch";

export interface LinkLoss {
  readonly address: string;
  readonly error: ReplicationError;
}

export interface LinkMove {
  /** Address followed from now on. */
  readonly address: string;
  /** The preferred upstream is back; or the one that was followed is about to stop, or cut off from the root itself. */
  readonly reason: "preferred" | "draining" | "stale";
}

export interface ReplicationTracer {
  /** The link upstream has another status. */
  linkStatus?(status: LinkStatus, address: string): void;
  /** The stream ended or could not be opened; a new try follows. */
  linkLost?(loss: LinkLoss): void;
  /** The link went over to another upstream, without a loss. */
  moved?(move: LinkMove): void;
  /** What came could not be applied; a snapshot is asked for. */
  resync?(reason: ResyncReason, detail: string): void;
  /** A message came and is about to be applied, if it can be; `traceContexts` are those of its transitions. */
  applying?(traceContexts: readonly Uint8Array[]): void;
  /** A diff or snapshot was applied. */
  applied?(event: {
    readonly isSnapshot: boolean;
    readonly epoch: string;
    readonly seqBefore: number;
    readonly seq: number;
    readonly stateCount: number;
    readonly bytes: number;
    /** How long it was on its way, at most; Infinity if nothing is known. */
    readonly transitMs: number;
    /** Wall time of the root when it reached `seq`. */
    readonly changedAtMs: number;
    readonly traceContexts: readonly Uint8Array[];
  }): void;
  heartbeatReceived?(seq: number): void;
  /**
   * A diff that holds traced transitions is about to go to a downstream, which is told of them what
   * this returns; undefined for the same. Then {@linkcode pushed} is called.
   */
  publishing?(event: {
    readonly downstream: string;
    readonly seqBefore: number;
    readonly seq: number;
    readonly traceContexts: readonly Uint8Array[];
  }): readonly Uint8Array[] | undefined;
  /** A message went to a downstream. */
  pushed?(event: {
    readonly downstream: string;
    readonly kind: "snapshot" | "diff" | "heartbeat";
    readonly seqBefore: number;
    readonly seq: number;
    /** The first seq after `seqBefore` that changed something for this downstream. */
    readonly firstSeq: number;
    /** How many of them did; with a selection, not all. */
    readonly changes: number;
    readonly bytes: number;
  }): void;
  downstreamOpened?(name: string): void;
  downstreamClosed?(name: string, error: ReplicationError | undefined): void;
  /** A mutation was sent upstream and answered, or was not. */
  forwarded?(request: MutationRequest, outcome: MutationResponse | ReplicationError): void;
}
