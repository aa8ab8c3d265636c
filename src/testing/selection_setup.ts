/** A publisher over a clock that a test moves, and subscribers with selections. */

import { isSelected, parseSelection, type Selection } from "../replication/clock/selection.ts";
import { VersionedClock } from "../replication/clock/versioned_clock.ts";
import type { Downstream, Sink } from "../replication/down/downstream.ts";
import { Publisher, type PublisherOptions } from "../replication/down/publisher.ts";
import { applyChanges, applySnapshot } from "../replication/up/follower.ts";
import { decodeClockMessage } from "../replication/wire/message_codec.ts";
import { hashSchema } from "../replication/wire/schema_codec.ts";
import { VirtualTime } from "./virtual_time.ts";

export const SCHEMA = {
  Exception: {},
  Flight1Delayed: { remove: ["Flight1OnTime", "Start"] },
  Flight1OnTime: { auto: true },
  Start: {},
  Flight2Delayed: { require: ["Flight1Delayed"] },
  Flight2OnTime: {},
};
export const NAMES = Object.keys(SCHEMA);

/** A replica's clock at the end of a publisher's stream. */
export class Subscriber implements Sink {
  readonly clock = new VersionedClock();
  /** The messages and their effect on the clock, such as "diff applied". */
  readonly kinds: string[] = [];
  readonly envelopes: Uint8Array[] = [];
  downstream: Downstream | undefined = undefined;
  /** The error with which its stream ended. */
  error = "";
  /** Takes one message, then none until drained. */
  isSlow = false;
  readonly selection: Selection | undefined;
  #wallTimeMs: number | undefined = undefined;

  constructor(selection: Selection | undefined) {
    this.selection = selection;
  }

  subscribe(publisher: Publisher): void {
    const { epoch, seq, schema, names } = this.clock;
    const schemaHash = epoch === "" ? "" : hashSchema(schema, names);
    const { selection } = this;
    this.#wallTimeMs = undefined;
    this.error = "";
    this.downstream = publisher.subscribe(
      { name: "leaf", epoch, seq, schemaHash, selection },
      this,
    );
  }

  leave(): void {
    this.downstream?.close();
    this.downstream = undefined;
  }

  write(envelope: Uint8Array<ArrayBuffer>): boolean {
    this.envelopes.push(envelope);
    if (envelope[0] === 2) {
      this.error = JSON.parse(new TextDecoder().decode(envelope.subarray(5))).error.message;
      return false;
    }
    const message = decodeClockMessage(envelope.subarray(5));
    const { start } = message;
    this.#wallTimeMs = start?.wallTimeMs ?? this.#wallTimeMs;
    if (this.#wallTimeMs !== undefined) {
      const applied =
        start?.ticks === undefined
          ? applyChanges(this.clock, message, this.#wallTimeMs)
          : applySnapshot(this.clock, message, start, start.ticks);
      const kind = start?.ticks ? "snapshot" : message.indexes.length > 0 ? "diff" : "heartbeat";
      this.kinds.push(`${kind} ${applied}`);
    }
    return !this.isSlow;
  }
  close(): void {
    this.downstream = undefined;
  }
  abort(): void {
    this.downstream = undefined;
  }
}

/** A publisher over a clock that the test moves. */
export function setUp(options: Partial<PublisherOptions> = {}) {
  const time = new VirtualTime();
  const clock = new VersionedClock();
  const publisher = new Publisher(clock, { name: "root", machineId: "m", time, ...options });
  const begin = (epoch: string, names: readonly string[] = NAMES, schema: object = SCHEMA) =>
    clock.reset({
      epoch: epoch.padStart(16, "0"),
      seq: 0,
      schema: Object.fromEntries(Object.entries(schema).filter(([name]) => names.includes(name))),
      names,
      ticks: names.map(() => 0),
    });
  begin("a");
  const flip = async (names: string | readonly string[], traceContexts?: readonly Uint8Array[]) => {
    const indexes = [names]
      .flat()
      .map((name) => clock.indexOf(name))
      .sort((a, b) => a - b);
    clock.advance(
      clock.seq + 1,
      Uint32Array.from(indexes),
      indexes.map((index) => clock.ticks[index]! + 1),
      time.now(),
      traceContexts,
    );
    await time.advance(1);
  };
  const join = (states?: string) => {
    const subscriber = new Subscriber(states === undefined ? undefined : parseSelection(states));
    subscriber.subscribe(publisher);
    return subscriber;
  };
  return { time, clock, publisher, begin, flip, join };
}

/** What the node's clock shows of a selection. */
export function choose(
  clock: VersionedClock,
  selection: Selection | undefined,
): [string, number][] {
  return clock.names
    .map((name, i): [string, number] => [name, clock.ticks[i]!])
    .filter(([name]) => selection === undefined || isSelected(selection, name));
}
