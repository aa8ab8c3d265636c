/** What a message does to a replica's clock: nothing is written that its checksum does not prove. */

import type { Selection } from "../clock/selection.ts";
import { checksumOf, type VersionedClock } from "../clock/versioned_clock.ts";
import type { ResyncReason } from "../tracer.ts";
import type { ClockMessage, Start } from "../wire/messages.ts";
import { hashSchema } from "../wire/schema_codec.ts";
import { sealMessage, sealStart } from "../wire/seal.ts";

/** The stream cannot be continued: what came is wrong, and a snapshot is due. */
export class ResyncNeeded extends Error {
  override readonly name = "ResyncNeeded";
  readonly reason: ResyncReason;

  constructor(reason: ResyncReason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/**
 * - `applied`: the clock has moved.
 * - `proven`: it stands where the message says.
 * - `behind`: the message is about an earlier seq than the clock has; nothing is done.
 */
export type Applied = "applied" | "proven" | "behind";

/**
 * Checks what a start says of itself, that its schema, or ours where it has none, is its sender's, and
 * that it is about the selection that we asked for. Throws {@linkcode ResyncNeeded}.
 */
export function checkStart(clock: VersionedClock, start: Start, selection?: Selection): void {
  const { schema, names } = start.schema ?? clock;
  const hash = hashSchema(schema, names);
  if (sealStart(start, hash, selection) === start.checksum) return;
  const isOfNone = selection !== undefined && sealStart(start, hash) === start.checksum;
  const why = isOfNone ? ", which is not of the states that we asked for" : "";
  throw new ResyncNeeded("checksum", `the start of epoch ${start.epoch}${why}`);
}

/** Takes a whole clock. Throws {@linkcode ResyncNeeded}. */
export function applySnapshot(
  clock: VersionedClock,
  message: ClockMessage,
  start: Start,
  ticks: readonly number[],
): Applied {
  const { epoch, wallTimeMs } = start;
  const names = start.schema?.names ?? clock.names;
  if (start.schema === undefined && clock.epoch === "")
    throw new ResyncNeeded("unknown_state", "a snapshot without a schema, and we have none");
  if (ticks.length !== names.length) {
    throw new ResyncNeeded(
      "unknown_state",
      `a snapshot of ${ticks.length} ticks, for ${names.length} states`,
    );
  }
  if (sealMessage(checksumOf(ticks), epoch, message) !== message.checksum)
    throw new ResyncNeeded("checksum", `the snapshot at seq ${message.seq}`);
  if (epoch === clock.epoch && message.seq < clock.seq) return "behind";
  clock.reset({
    epoch,
    seq: message.seq,
    schema: start.schema?.schema ?? clock.schema,
    names,
    ticks,
    changedAtMs: wallTimeMs + message.wallDeltaMs,
  });
  return "applied";
}

/** Takes a diff, or a heartbeat for proof. `wallTimeMs` is what the stream's wall times count from. Throws {@linkcode ResyncNeeded}. */
export function applyChanges(
  clock: VersionedClock,
  message: ClockMessage,
  wallTimeMs: number,
): Applied {
  const { seq, indexes, ticks } = message;
  if (seq < clock.seq) return "behind";
  const last = indexes[indexes.length - 1];
  if (last !== undefined && last >= clock.names.length)
    throw new ResyncNeeded("unknown_state", `state ${last} of ${clock.names.length}`);
  for (let i = 0; i < indexes.length; i++) {
    if (!(ticks[i]! >= clock.ticks[indexes[i]!]!)) {
      throw new ResyncNeeded(
        "tick_back",
        `tick ${ticks[i]} of state ${indexes[i]}, ours is ${clock.ticks[indexes[i]!]}`,
      );
    }
  }
  const checksum = sealMessage(clock.checksumWith(indexes, ticks), clock.epoch, message);
  if (checksum !== message.checksum) throw new ResyncNeeded("checksum", `the diff to seq ${seq}`);
  if (seq === clock.seq) return "proven";
  clock.advance(seq, indexes, ticks, wallTimeMs + message.wallDeltaMs);
  return "applied";
}
