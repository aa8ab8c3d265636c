/** What a machine on a replica adds to a change of its clock, with handlers of several kinds and without. */

import { createReplicaMachine, type ReplicaMachine } from "../../replica_machine/mod.ts";
import { toTable } from "../../testing/bench_page.ts";
import { systemTime, VersionedClock } from "../mod.ts";
import { costOf } from "./codec.bench.ts";
import { type Part, section } from "./figures.bench.ts";

/** Number of states that change in one diff. */
const FLIPS = 3;
const SIZES = [149, 14_009];

type SetUp = (machine: ReplicaMachine, names: readonly string[]) => void;

const ROWS: readonly [what: string, setUp: SetUp | undefined][] = [
  ["only the clock", undefined],
  ["with a machine, nothing bound", () => {}],
  ["1,000 open waits", (machine, names) => wait(machine, names, 1_000)],
  ["a handler for a state that does not move", (machine) => machine.bind({ S0State() {} })],
  [
    "State and End of every state, of which three states run",
    (machine, names) =>
      machine.bind(
        Object.fromEntries(
          names.flatMap((name) => [`${name}State`, `${name}End`]).map((name) => [name, () => {}]),
        ),
      ),
  ],
  ["AnyState", (machine) => machine.bind({ AnyState() {} })],
];

export function measureHandlers(): Part {
  const cells = ROWS.map(([what, setUp]) => [
    what,
    ...SIZES.map((size) => measure(size, setUp).toFixed(2)),
  ]);
  const sizes = SIZES.map((size) => `${size.toLocaleString("en")} states`);
  return {
    markdown: section(
      "CPU time of local handlers",
      `A change of ${FLIPS} states on a replica, in µs of CPU time, with the calls of its handlers:`,
      toTable(["on the replica", ...sizes], cells),
    ),
  };
}

function measure(size: number, setUp: SetUp | undefined): number {
  const names = Array.from({ length: size }, (_, i) => `S${i}`);
  const clock = new VersionedClock();
  const schema = Object.fromEntries(names.map((name) => [name, {}]));
  clock.reset({ epoch: "0".repeat(16), seq: 0, schema, names, ticks: new Float64Array(size) });
  // Deferred turns run right away, so that they count.
  let due: (() => void) | undefined;
  const time = {
    ...systemTime,
    defer(run: () => void) {
      due = run;
      return () => {};
    },
  };
  if (setUp !== undefined) {
    const onError = (error: Error) => {
      throw error;
    };
    setUp(createReplicaMachine(clock, { time, onError }), names);
  }
  const indexes = new Uint32Array(FLIPS);
  const ticks = new Float64Array(FLIPS);
  let first = 1;
  return costOf(() => {
    first = 1 + ((first + 7) % (size - FLIPS - 1));
    for (let i = 0; i < FLIPS; i++) {
      indexes[i] = first + i;
      ticks[i] = clock.ticks[first + i]! + 1;
    }
    clock.advance(clock.seq + 1, indexes, ticks);
    const run = due;
    due = undefined;
    run?.();
  });
}

function wait(machine: ReplicaMachine, names: readonly string[], count: number): void {
  for (let i = 0; i < count; i++)
    void machine.whenTime({ [names[i % names.length]!]: 1e12 + i }, {});
}
