/** Hooks into the downstream side of a node. All are optional and must not throw. */

import type { ReplicationError } from "../clock/errors.ts";
import type { MutationRequest, MutationResponse } from "../clock/mutation.ts";

export interface PushingEvent {
  readonly downstream: string;
  readonly seqBefore: number;
  readonly seq: number;
  readonly traceContexts: readonly Uint8Array[];
}

export interface PushedEvent {
  readonly downstream: string;
  readonly kind: "snapshot" | "diff" | "heartbeat";
  readonly seqBefore: number;
  readonly seq: number;
  /** The first seq after `seqBefore` that changed something for this downstream. */
  readonly firstSeq: number;
  /** How many seqs changed something for it; with a selection, not all do. */
  readonly changes: number;
  /** Length of the message with its envelope, in bytes. */
  readonly bytes: number;
}

export interface DownstreamTracer {
  /**
   * A diff that holds traced transitions is about to go to a downstream. The diff carries the contexts that
   * this returns; undefined for the same. Then {@linkcode pushed} is called.
   */
  pushing?(event: PushingEvent): readonly Uint8Array[] | undefined;
  /** A message went to a downstream. */
  pushed?(event: PushedEvent): void;
  downstreamOpened?(name: string): void;
  downstreamClosed?(name: string, error: ReplicationError | undefined): void;
  /** A downstream's mutation arrived. Returns what to run in its place; undefined for the same. */
  serving?(request: MutationRequest): MutationRequest | undefined;
  /** A downstream's mutation ended; `request` is the one that ran. */
  served?(request: MutationRequest, outcome: MutationResponse | ReplicationError): void;
}
