/** For tests of the follower: a root's clock, and the messages that an upstream makes of it. */

import { VersionedClock } from "../replication/clock/versioned_clock.ts";
import type { Received } from "../replication/up/follower.ts";
import type { ClockMessage, Start } from "../replication/wire/messages.ts";
import { hashSchema } from "../replication/wire/schema_codec.ts";
import { sealMessage, sealStart } from "../replication/wire/seal.ts";

export const NAMES = ["A", "B", "C"] as const;
const SCHEMA = { A: {}, B: {}, C: {} };

/** What is different about a message. Fields that are changed after sealing are wrong. */
export interface MessageOptions {
  /** The seq that a diff continues from; the root's own for a heartbeat. */
  readonly from?: number;
  readonly ageMs?: number;
  readonly isDraining?: boolean;
  readonly path?: readonly string[];
  readonly hasSchema?: boolean;
  /** Overwrites fields after the message was sealed. */
  readonly wrong?: Partial<ClockMessage>;
}

export class FollowedRoot {
  readonly clock = new VersionedClock();
  #lives = 0;

  constructor() {
    this.restart();
  }

  /** Begins a new epoch: `a`, `b` and so on, each repeated 16 times. */
  restart(): void {
    const epoch = "abcdef"[this.#lives++]!.repeat(16);
    this.clock.reset({ epoch, seq: 0, schema: SCHEMA, names: [...NAMES], ticks: [0, 0, 0] });
  }

  /** Flips states in one transition. */
  flip(...names: readonly string[]): void {
    const indexes = names.map((name) => this.clock.indexOf(name)).sort();
    const ticks = indexes.map((index) => this.clock.ticks[index]! + 1);
    this.clock.advance(this.clock.seq + 1, Uint32Array.from(indexes), ticks);
  }

  /** A diff from `from`, or a heartbeat. */
  diff({ from = this.clock.seq, ageMs = 0, isDraining = false, wrong }: MessageOptions = {}) {
    const { clock } = this;
    const changed: number[] = [];
    clock.forEachChangedSince(from, (index) => changed.push(index));
    const indexes = Uint32Array.from(changed).sort();
    const fields = { seq: clock.seq, wallDeltaMs: 0, sentMs: 0, ageMs, isDraining };
    const message: ClockMessage = {
      ...fields,
      indexes,
      ticks: Float64Array.from(indexes, (index) => clock.ticks[index]!),
      checksum: sealMessage(clock.checksum, clock.epoch, fields),
      traceContexts: [],
      start: undefined,
      ...wrong,
    };
    return message;
  }

  /** A start with a snapshot, or one that continues from `from`. */
  start(options: MessageOptions = {}): ClockMessage {
    const { from, path = ["root"], hasSchema = true, wrong, ...rest } = options;
    const { clock } = this;
    const schema = hasSchema ? { schema: SCHEMA, names: [...NAMES] } : undefined;
    const unsealed = {
      epoch: clock.epoch,
      wallTimeMs: 0,
      heartbeatIntervalMs: 500,
      path,
      machineId: "m",
      ticks: from === undefined ? [...clock.ticks] : undefined,
    };
    const checksum = sealStart(unsealed, hashSchema(clock.schema, clock.names));
    const start: Start = { ...unsealed, schema, checksum };
    const message = this.diff({ ...rest, ...(from !== undefined && { from }) });
    return { ...message, start, ...wrong };
  }
}

/** A message that arrived at `receivedAtMs` after `transitMs` in transit. */
export function receivedAt(message: ClockMessage, receivedAtMs: number, transitMs = 0): Received {
  return { message, bytes: 30, transitMs, receivedAtMs };
}
