/** Hooks into the upstream side of a node. All are optional and must not throw. */

import type { ReplicationError } from "../clock/errors.ts";
import type { MutationRequest, MutationResponse } from "../clock/mutation.ts";
import type { LinkStatus } from "./link_status.ts";

/** Why a replica takes a snapshot instead of diffs. */
export type ResyncReason = "checksum" | "unknown_state" | "seq_back" | "tick_back" | "epoch";

export interface LinkLoss {
  readonly address: string;
  readonly error: ReplicationError;
}

export interface LinkMove {
  /** Address followed from now on. */
  readonly address: string;
  /** The preferred upstream is back; or the one in use is about to stop, or is cut off from the root itself. */
  readonly reason: "preferred" | "draining" | "stale";
}

export interface AppliedEvent {
  readonly isSnapshot: boolean;
  readonly epoch: string;
  readonly seqBefore: number;
  readonly seq: number;
  readonly stateCount: number;
  /** Length of the message, in bytes. */
  readonly bytes: number;
  /** Longest time that the message can have been in transit, in milliseconds; Infinity if nothing is known. */
  readonly transitMs: number;
  /** Wall time of the root when it reached `seq`, in milliseconds since 1970-01-01 UTC. */
  readonly changedAtMs: number;
}

export interface UpstreamTracer {
  /** The link upstream has another status. */
  linkStatus?(status: LinkStatus, address: string): void;
  /** The stream ended or could not be opened; a new try follows. */
  linkLost?(loss: LinkLoss): void;
  /** The link moved to another upstream without a loss. */
  moved?(move: LinkMove): void;
  /** A message could not be applied; the next request is for a snapshot. */
  resync?(reason: ResyncReason, detail: string): void;
  /**
   * A message arrived and is about to be applied if possible; `traceContexts` are those of its transitions.
   * The change carries what this returns; undefined for the same.
   */
  applying?(traceContexts: readonly Uint8Array[]): readonly Uint8Array[] | undefined;
  /** A diff or snapshot was applied. */
  applied?(event: AppliedEvent): void;
  heartbeatReceived?(seq: number): void;
  /** A mutation is about to be forwarded. Returns what to send in its place; undefined for the same. */
  forwarding?(request: MutationRequest): MutationRequest | undefined;
  /** A forwarded mutation ended; `request` is the one that was sent. */
  forwarded?(request: MutationRequest, outcome: MutationResponse | ReplicationError): void;
}
