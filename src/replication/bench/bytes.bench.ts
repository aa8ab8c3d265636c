/** The bytes of a push, of a heartbeat, and of a join. */

import { schema, stateNames } from "../../flights/mod.ts";
import { createMachine, type Machine } from "../../machine/mod.ts";
import { toTable } from "../../testing/bench_page.ts";
import { VirtualTime } from "../../testing/virtual_time.ts";
import type { Sink } from "../down/downstream.ts";
import {
  createSelection,
  createSource,
  decodeClockMessage,
  Publisher,
  VersionedClock,
} from "../mod.ts";
import { hashSchema } from "../wire/schema_codec.ts";
import { type Aim, mean, type Part, section } from "./figures.bench.ts";
import { createRandom, Traffic } from "./traffic.bench.ts";

const ENVELOPE_HEADER = 5;
const FRAME_HEADER = 9;
/** Runs of a root, each of so many mutations, a second apart on average: ten minutes. */
const RUNS = 20;
const MUTATIONS = 600;
/** How many states a typical push flips. */
const TYPICAL = 3;

/** Records the length of each message that a publisher writes to it, without its envelope. */
class Counter implements Sink {
  readonly typical: number[] = [];
  readonly all: number[] = [];
  readonly heartbeats: number[] = [];
  readonly starts: number[] = [];

  write(envelope: Uint8Array): boolean {
    // The end of a stream is JSON, and does not count.
    if (envelope[0] !== 0) return true;
    const message = envelope.subarray(ENVELOPE_HEADER);
    const { start, indexes } = decodeClockMessage(message);
    if (start !== undefined) this.starts.push(message.length);
    else if (indexes.length === 0) this.heartbeats.push(message.length);
    else this.all.push(message.length);
    if (start === undefined && indexes.length === TYPICAL) this.typical.push(message.length);
    return true;
  }

  close(): void {}
  abort(): void {}
}

/** 13 states. */
const ONE_FLIGHT = createSelection([], ["Flight2"]);
const NOTHING = { name: "rep-1-1", epoch: "", seq: 0, schemaHash: "" };

export interface Counters {
  readonly root: Counter;
  readonly traced: Counter;
  readonly relay: Counter;
  readonly flight: Counter;
  readonly joins: Readonly<Record<"unknown" | "known" | "resumed" | "flight", Counter>>;
}

/** One run of a root, and of a relay that follows it without delay; counts what their downstreams receive. */
async function run(counters: Counters, random: () => number): Promise<void> {
  const time = new VirtualTime();
  const machine = createMachine(schema, {
    id: "flights",
    states: stateNames,
  }) as unknown as Machine;
  const source = createSource(machine, { time });
  const { clock } = source;
  machine.add(["Start", "Ready"]);
  const traffic = new Traffic(machine, () => clock.seq, random);
  const options = { name: "root", machineId: "flights", time };
  const root = new Publisher(clock, options);
  const tracedClock = new VersionedClock();
  const traced = new Publisher(tracedClock, options);
  const { epoch, seq: firstSeq, schema: ownSchema, names, ticks } = clock;
  tracedClock.reset({ epoch, seq: firstSeq, schema: ownSchema, names, ticks });
  let context: Uint8Array | undefined;
  clock.onChange((change) => {
    if (change.type === "reset") return;
    const { seq, indexes } = change;
    const moved = Array.from(indexes, (index) => clock.ticks[index]!);
    tracedClock.advance(seq, indexes, moved, clock.changedAtMs, context && [context]);
    context = undefined;
  });
  // Half a millisecond behind its upstream: its messages carry an age, the least possible.
  const relay = new Publisher(clock, {
    ...options,
    name: "rep-1",
    ageMs: () => 0.5,
    upstreamPath: () => ["root"],
  });
  root.subscribe(NOTHING, counters.root);
  traced.subscribe(NOTHING, counters.traced);
  relay.subscribe(NOTHING, counters.relay);
  root.subscribe({ ...NOTHING, selection: ONE_FLIGHT }, counters.flight);
  for (let i = 0; i < MUTATIONS; i++) {
    context = new Uint8Array(25).fill(i);
    traffic.mutate();
    await time.advance(1_000 * (0.5 + random()));
  }
  const { seq } = clock;
  const schemaHash = hashSchema(clock.schema, clock.names);
  root.subscribe(NOTHING, counters.joins.unknown);
  root.subscribe({ ...NOTHING, schemaHash }, counters.joins.known);
  root.subscribe({ name: "rep-1-1", epoch, seq: seq - 1, schemaHash }, counters.joins.resumed);
  root.subscribe({ ...NOTHING, selection: ONE_FLIGHT }, counters.joins.flight);
  for (const publisher of [root, traced, relay]) publisher.close();
  source.close();
  await machine.dispose();
}

/** Counts `runs` runs, with the same mutations on each call. */
export async function countBytes(runs: number): Promise<Counters> {
  const random = createRandom();
  const counters: Counters = {
    root: new Counter(),
    traced: new Counter(),
    relay: new Counter(),
    flight: new Counter(),
    joins: {
      unknown: new Counter(),
      known: new Counter(),
      resumed: new Counter(),
      flight: new Counter(),
    },
  };
  for (let i = 0; i < runs; i++) await run(counters, random);
  return counters;
}

const FRAMING = ENVELOPE_HEADER + FRAME_HEADER;

export async function measureBytes(): Promise<Part> {
  const counters = await countBytes(RUNS);
  const { root, traced, relay, flight, joins } = counters;
  const row = (what: string, sizes: readonly number[]) => {
    const max = Math.max(...sizes);
    return [
      what,
      String(sizes.length),
      mean(sizes).toFixed(1),
      String(max),
      (mean(sizes) + FRAMING).toFixed(1),
      String(max + FRAMING),
    ];
  };
  const table = toTable(
    ["message", "count", "mean", "max", "as sent, mean", "as sent, max"],
    [
      row(`push of ${TYPICAL} states, from the root`, root.typical),
      row(`push of ${TYPICAL} states, from a relay`, relay.typical),
      row(`push of ${TYPICAL} states, with trace context`, traced.typical),
      row("push of any number of states", root.all),
      row("heartbeat", root.heartbeats),
      row("join, schema unknown", joins.unknown.starts),
      row("join, schema known", joins.known.starts),
      row("resumed one seq behind", joins.resumed.starts),
      row("push of one flight's states", flight.all),
      row("heartbeat to the same", flight.heartbeats),
      row("join of the same, schema unknown", joins.flight.starts),
    ],
  );
  const text = `${RUNS} runs of ${MUTATIONS} random mutations, a second apart. "As sent" includes the ${ENVELOPE_HEADER} bytes of the envelope and
the ${FRAME_HEADER} of an HTTP/2 frame:`;
  return { markdown: section("Bytes of a message", text, table), aims: byteAims(counters) };
}

export function byteAims({ root, relay, joins }: Counters): Aim[] {
  const typical = Math.max(mean(root.typical), mean(relay.typical));
  const bytes = { unit: "B", is: "most" } as const;
  return [
    { ...bytes, what: "typical push, message", value: typical, digits: 1, limit: 24 },
    { ...bytes, what: "typical push, as sent", value: typical + FRAMING, digits: 1, limit: 38 },
    {
      ...bytes,
      what: "join, schema unknown",
      value: Math.max(...joins.unknown.starts) + FRAMING,
      digits: 0,
      limit: 4_000,
    },
    {
      ...bytes,
      what: "join, schema known",
      value: Math.max(...joins.known.starts) + FRAMING,
      digits: 0,
      limit: 600,
    },
  ];
}
