/** Cost of the parts of a push without a network: recording a change, encoding, decoding and applying it. */

import { schema, stateNames } from "../../flights/mod.ts";
import { createMachine, type Machine } from "../../machine/mod.ts";
import {
  type ClockMessage,
  createSource,
  decodeClockMessage,
  encodeClockMessage,
  VersionedClock,
} from "../mod.ts";
import { applyChanges } from "../up/follower.ts";
import { encodeEnvelope } from "../wire/envelope.ts";
import { sealMessage } from "../wire/seal.ts";
import { cpuUs } from "./child.bench.ts";
import { median, printTable } from "./figures.bench.ts";
import { createRandom, Traffic } from "./traffic.bench.ts";

const ROUND_US = 150_000;
const ROUNDS = 5;

/** CPU time of one call in microseconds: the median of rounds. */
export function costOf(call: () => void): number {
  const round = () => {
    const startUs = cpuUs();
    let calls = 0;
    for (; cpuUs() - startUs < ROUND_US; calls += 500) for (let i = 0; i < 500; i++) call();
    return (cpuUs() - startUs) / calls;
  };
  round();
  return median(Array.from({ length: ROUNDS }, round));
}

/** Prints the table. */
export function measureCodec(): void {
  const machine = createMachine(schema, {
    id: "flights",
    states: stateNames,
  }) as unknown as Machine;
  const { clock } = createSource(machine);
  machine.add(["Start", "Ready"]);
  const { epoch, seq, names } = clock;
  const life = { epoch, seq, schema: clock.schema, names, ticks: Float64Array.from(clock.ticks) };
  const traffic = new Traffic(machine, () => clock.seq, createRandom());
  const messages: ClockMessage[] = [];
  clock.onChange((change) => {
    if (change.type !== "advance") return;
    const indexes = Uint32Array.from(change.indexes).sort();
    const wallDeltaMs = messages.length * 1_000;
    const fields = {
      seq: clock.seq,
      wallDeltaMs,
      sentMs: wallDeltaMs,
      ageMs: 0,
      isDraining: false,
    };
    messages.push({
      ...fields,
      indexes,
      ticks: Float64Array.from(indexes, (index) => clock.ticks[index]!),
      checksum: sealMessage(clock.checksum, clock.epoch, fields),
      traceContexts: [],
      start: undefined,
    });
  });
  for (let i = 0; i < 500; i++) traffic.mutate();
  const encoded = messages.map((message) => encodeClockMessage(message));
  let next = 0;
  const turn = () => {
    next = (next + 1) % messages.length;
    return next;
  };
  const written = new VersionedClock();
  const replayed = new VersionedClock();
  // Each part cycles through all messages.
  const rows: [string, () => void][] = [
    [
      "versioned clock takes a change",
      () => {
        const { indexes, ticks } = messages[turn()]!;
        if (next === 0) written.reset(life);
        written.advance(written.seq + 1, indexes, ticks);
      },
    ],
    ["encode message and envelope", () => encodeEnvelope(encodeClockMessage(messages[turn()]!))],
    ["decode message", () => decodeClockMessage(encoded[turn()]!)],
    [
      "prove and apply",
      () => {
        if (turn() === 0) replayed.reset(life);
        if (applyChanges(replayed, messages[next]!, 0) !== "applied")
          throw new Error("Cannot go on: a diff was not applied");
      },
    ],
  ];
  const cells = rows.map(([what, call]) => {
    replayed.reset(life);
    written.reset(life);
    next = messages.length - 1;
    return [what, costOf(call).toFixed(2)];
  });
  printTable("CPU time of the parts, in µs", ["part", "µs"], cells);
}
