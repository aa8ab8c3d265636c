/** The messages of Subscribe and Probe, decoded. `message_codec.ts` encodes them. */

import type { Schema } from "../../machine/mod.ts";
import type { Selection } from "../clock/selection.ts";

/** A message sent this soon after its change needs no stamp: it counts as sent at the change, in milliseconds. */
const STAMP_GRAIN_MS = 4;
/** How long downstreams may share an encoded message, in milliseconds; it then seems older by as much. */
export const SHARED_MS = 4;
/** How much later than its stamp a message can have been sent, rounding included, in milliseconds. */
export const STAMP_ERROR_MS = STAMP_GRAIN_MS + SHARED_MS + 1;

/** What a subscriber has and requests. */
export interface SubscribeRequest {
  readonly name: string;
  /** Empty if the subscriber has no clock. */
  readonly epoch: string;
  readonly seq: number;
  /** Empty if the subscriber has no schema. */
  readonly schemaHash: string;
  /** The requested states; all if absent. */
  readonly selection?: Selection | undefined;
}

/** The beginning of a stream, or of a new epoch in it. */
export interface Start {
  readonly epoch: string;
  readonly wallTimeMs: number;
  readonly heartbeatIntervalMs: number;
  /** Node names from the root to the sender. */
  readonly path: readonly string[];
  readonly machineId: string;
  readonly schema: { readonly schema: Schema; readonly names: readonly string[] } | undefined;
  /** All ticks, if this is a snapshot. */
  readonly ticks: readonly number[] | undefined;
  /** See {@linkcode sealStart}. */
  readonly checksum: number;
}

/** One message of a stream: with `start` a beginning, with `indexes` a diff, with neither a heartbeat. */
export interface ClockMessage {
  readonly seq: number;
  /** State indexes, rising, and their absolute ticks. */
  readonly indexes: Uint32Array;
  readonly ticks: Float64Array;
  /** See {@linkcode sealMessage}. */
  readonly checksum: number;
  readonly wallDeltaMs: number;
  /** When it was created, on the sender's steady clock, in milliseconds: see {@linkcode toStamp}. */
  readonly sentMs: number;
  readonly ageMs: number;
  /** Those of the last traced transitions, in their order; at most 16. */
  readonly traceContexts: readonly Uint8Array[];
  readonly start: Start | undefined;
  /** The sender is about to stop: the receiver should follow another node. */
  readonly isDraining: boolean;
}

/** The time on a node's steady clock, and the wall time of its streams' starts, which identifies that clock. */
export interface ProbeResponse {
  readonly sentMs: number;
  readonly wallTimeMs: number;
}

/** The stamp of a message created at `sentMs`: the time of its change if that is near. */
export function toStamp(sentMs: number, wallDeltaMs: number): number {
  return sentMs >= wallDeltaMs && sentMs < wallDeltaMs + STAMP_GRAIN_MS ? wallDeltaMs : sentMs;
}
