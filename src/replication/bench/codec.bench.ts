/** The cost of a push without a network: entering a change into the clock, encoding, decoding and applying it. */

import { schema, stateNames } from "../../flights/mod.ts";
import { createMachine, type Machine } from "../../machine/mod.ts";
import { toTable } from "../../testing/bench_page.ts";
import {
  type ClockMessage,
  createSource,
  decodeClockMessage,
  encodeClockMessage,
  VersionedClock,
} from "../mod.ts";
import { applyChanges } from "../up/follower.ts";
import { encodeEnvelope } from "../wire/connect.ts";
import { sealMessage } from "../wire/seal.ts";
import { cpuUs } from "./child.bench.ts";
import { median, type Part, section } from "./figures.bench.ts";
import { createRandom, Traffic } from "./traffic.bench.ts";

const ROUND_US = 150_000;
const ROUNDS = 5;

/** CPU time of one call in microseconds, the median of {@linkcode ROUNDS}. */
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

export function measureCodec(): Part {
  const machine = createMachine(schema, {
    id: "flights",
    states: stateNames,
  }) as unknown as Machine;
  const { clock } = createSource(machine);
  machine.add(["Start", "Ready"]);
  const { epoch, seq, names } = clock;
  const snapshot = {
    epoch,
    seq,
    schema: clock.schema,
    names,
    ticks: Float64Array.from(clock.ticks),
  };
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
  const advance = () => {
    next = (next + 1) % messages.length;
    return next;
  };
  const written = new VersionedClock();
  const replayed = new VersionedClock();
  // Each goes through all messages repeatedly.
  const rows: [string, () => void][] = [
    [
      "enter a change into the clock",
      () => {
        const { indexes, ticks } = messages[advance()]!;
        if (next === 0) written.reset(snapshot);
        written.advance(written.seq + 1, indexes, ticks);
      },
    ],
    ["encode message and envelope", () => encodeEnvelope(encodeClockMessage(messages[advance()]!))],
    ["decode message", () => decodeClockMessage(encoded[advance()]!)],
    [
      "prove and apply",
      () => {
        if (advance() === 0) replayed.reset(snapshot);
        if (applyChanges(replayed, messages[next]!, 0) !== "applied")
          throw new Error("Cannot continue: a diff was not applied");
      },
    ],
  ];
  const cells = rows.map(([what, call]) => {
    replayed.reset(snapshot);
    written.reset(snapshot);
    next = messages.length - 1;
    return [what, costOf(call).toFixed(2)];
  });
  return { markdown: section("CPU time of the codec", toTable(["step", "µs"], cells)) };
}
