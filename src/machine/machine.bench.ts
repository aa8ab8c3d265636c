/**
 * How fast the machine is and what it allocates, beside XState 5 on the same domain.
 * `node --expose-gc src/machine/machine.bench.ts`, about a minute.
 *
 * Each row calls the public methods, queue included, in a loop; names are drawn before it. A row is
 * measured in rounds, by the CPU time of this process, and shows the median one, so that busy
 * neighbours decide little of it.
 */

import { cpus } from "node:os";
import { buildFlightsSchema, type FlightsSchema } from "../generators/mod.ts";
import { createMachine, type Machine, recordHistory, type Schema } from "./mod.ts";
import { createFlightsActor } from "./xstate.bench.ts";

const SEED = 20_010_629;
const ROUND_MS = 250;
const ROUNDS = 5;
const DRAWS = 1 << 14;
/** Transitions between two looks at the heap: few enough that most such chunks see no collection. */
const HEAP_CHUNK = 2_000;
const HEAP_CHUNKS = 60;

interface Row {
  readonly what: string;
  /** Calls per second, the median round. */
  readonly perSecond: number;
  readonly bytes: number;
  /** How many transitions each resolver served, auto transitions included. */
  readonly resolvers: string;
}

/** Uniform integers in [0, limit), the same on each run (mulberry32). */
function createRandom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** Triples of state names; a name may come twice, as in the original's example. */
function drawTriples(names: readonly string[]): string[][] {
  const random = createRandom(SEED);
  const draw = () => names[random(names.length)]!;
  return Array.from({ length: DRAWS }, () => [draw(), draw(), draw()]);
}

function createFlights({ schema, stateNames }: FlightsSchema): Machine {
  const machine = createMachine(schema as Schema, { id: "flights", states: stateNames });
  machine.add("Start");
  machine.add("Ready");
  return machine;
}

/** A call that adds the next triple. An error state that it activated is taken out again, uncounted but in the time. */
function createAdder(machine: Machine): () => void {
  const triples = drawTriples(machine.names);
  const { ticks } = machine;
  const exception = machine.indexOf("Exception");
  let next = 0;
  return () => {
    machine.add(triples[next++ & (DRAWS - 1)]!);
    if (ticks[exception]! % 2 === 1) machine.remove("Exception");
  };
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1]!;
}

/** CPU time of the process so far, all its threads included, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Runs `call` for `ROUND_MS` and returns how often that was per second. */
function timeRound(call: () => void, batch: number): number {
  let calls = 0;
  const start = cpuMs();
  let elapsed = 0;
  while (elapsed < ROUND_MS) {
    for (let i = 0; i < batch; i++) call();
    calls += batch;
    elapsed = cpuMs() - start;
  }
  return (calls * 1_000) / elapsed;
}

/** Growth of the heap per call, the median of chunks in which nothing was collected. */
function countBytes(call: () => void, chunkCalls: number): number {
  globalThis.gc?.();
  const growths: number[] = [];
  for (let chunk = 0; chunk < HEAP_CHUNKS; chunk++) {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < chunkCalls; i++) call();
    growths.push((process.memoryUsage().heapUsed - before) / chunkCalls);
  }
  return median(growths.filter((growth) => growth >= 0));
}

function measure(what: string, call: () => void, machine?: Machine): Row {
  // The first round warms up and says how many calls take about a millisecond.
  const batch = Math.ceil(timeRound(call, 50) / 1_000);
  const perSecond = median(Array.from({ length: ROUNDS }, () => timeRound(call, batch)));
  const bytes = countBytes(call, Math.min(HEAP_CHUNK, Math.ceil(perSecond / 400)));
  const counts = machine?.resolverCounts;
  const resolvers =
    counts === undefined
      ? ""
      : `${counts.incremental.toLocaleString("en")} / ${counts.general.toLocaleString("en")}`;
  return print({ what, perSecond, bytes, resolvers });
}

function print(row: Row): Row {
  const { what, perSecond, bytes, resolvers } = row;
  const cells = [
    what.padEnd(48),
    Math.round(perSecond).toLocaleString("en").padStart(11),
    (1e6 / perSecond).toFixed(perSecond < 1e5 ? 1 : 3).padStart(9),
    bytes.toFixed(0).padStart(9),
    resolvers.padStart(24),
  ];
  console.log(`| ${cells.join(" | ")} |`);
  return row;
}

function measureCompile(flights: FlightsSchema): void {
  const size = flights.stateNames.length;
  const times = Array.from({ length: size > 10_000 ? 3 : 9 }, () => {
    const start = cpuMs();
    createMachine(flights.schema as Schema, { states: flights.stateNames });
    return cpuMs() - start;
  });
  console.log(
    `${size.toLocaleString("en")} states: ${median(times).toFixed(2)} ms from schema to machine`,
  );
}

function main(): void {
  const sizes = [10, 100, 1_000].map((flights) => buildFlightsSchema({ flights, gates: 5 }));
  const small = sizes[0]!;
  const cpu = cpus()[0]?.model ?? "unknown CPU";
  console.log(`Node.js ${process.versions.node}, ${cpu}, seed ${SEED}, per second of CPU time\n`);
  console.log(
    `| ${"call".padEnd(48)} | ${"calls/s".padStart(11)} | ${"µs".padStart(9)} | ${"bytes".padStart(9)} | ${"incremental / general".padStart(24)} |`,
  );
  console.log("|---|--:|--:|--:|--:|");
  for (const flights of sizes) {
    const machine = createFlights(flights);
    const states = flights.stateNames.length.toLocaleString("en");
    measure(`add of 3 random states, ${states} states`, createAdder(machine), machine);
  }
  measureSmall(small);
  measureXState(small);
  console.log(`
A call is one add or remove from outside, with the auto transition that it leads to. One add in five
(149 states) to eight is canceled, mostly as two of its states exclude each other or a Require is not
met: it makes a result that says why, and these are the bytes of the first rows; an executed one
without hooks allocates nothing. Bytes: growth of
the used heap over ${HEAP_CHUNK.toLocaleString("en")} calls at most, median of ${HEAP_CHUNKS} chunks without those that saw a collection.
XState: flights, groups and on-off states as parallel regions, each state entered by an event of its
name. It does less: three events are three transitions, not one that is executed or canceled whole;
nothing cascades but what was written out by hand (GoToGate); no state comes back by itself as auto
states do; no ticks are kept. It also does other things: each event makes an immutable snapshot.

Compiling the schema:`);
  for (const flights of sizes) measureCompile(flights);
}

/** What else a call can cost, on 149 states. */
function measureSmall(flights: FlightsSchema): void {
  const pair = createFlights(flights);
  let isOn = false;
  measure(
    "add, then remove of one state (each counted)",
    () => {
      isOn = !isOn;
      if (isOn) pair.add("Heartbeat");
      else pair.remove("Heartbeat");
    },
    pair,
  );

  const replaced = createFlights(flights);
  const triples = drawTriples(replaced.names);
  let next = 0;
  measure(
    "set of 3 random states (general resolver)",
    () => {
      replaced.set(triples[next++ & (DRAWS - 1)]!);
    },
    replaced,
  );

  const traced = createFlights(flights);
  let seen = 0;
  traced.trace({
    transitionEnd(transition) {
      seen += transition.number & 1;
    },
  });
  measure("add of 3, one tracer (transitionEnd)", createAdder(traced), traced);

  const reading = createFlights(flights);
  reading.trace({
    transitionEnd(transition) {
      seen += transition.enters.length + transition.exits.length;
    },
  });
  measure("add of 3, one tracer that reads the names", createAdder(reading), reading);

  const remembered = createFlights(flights);
  const history = recordHistory(remembered);
  measure("add of 3, history of 1,000 records", createAdder(remembered), remembered);

  const count = () => {
    seen++;
  };
  const handled = createFlights(flights);
  handled.bind({ Flight1DelayedState: count });
  measure("add of 3, one handler bound", createAdder(handled), handled);

  const asked = createFlights(flights);
  asked.bind({
    Flight1DelayedEnter: count,
    Flight1OnTimeExit: count,
    Flight1Inbound: pairOf(count),
  });
  measure("add of 3, Enter, Exit and pair handlers bound", createAdder(asked), asked);

  const watched = createFlights(flights);
  watched.bind({ AnyEnter: count, AnyState: count });
  measure("add of 3, AnyEnter and AnyState bound", createAdder(watched), watched);

  const waited = createFlights(flights);
  // A tick that is out of reach: all stay open, spread over the states.
  for (let i = 0; i < 1_000; i++) {
    const name = waited.names[i % waited.names.length]!;
    void waited.whenTime({ [name]: 1e15 + i });
  }
  measure("add of 3, 1,000 open waits", createAdder(waited), waited);
  if (seen === 0 || waited.waitCount < 1_000 || history.size < 1_000)
    throw new Error("Cannot trust the rows: a hook was not called");
}

function pairOf(handler: () => void): Record<string, () => void> {
  return { Flight1Outbound: handler };
}

function measureXState(flights: FlightsSchema): void {
  const actor = createFlightsActor(flights);
  const triples = drawTriples(flights.stateNames).map((names) => names.map((type) => ({ type })));
  let next = 0;
  measure("XState 5: 3 random events, same 149 states", () => {
    for (const event of triples[next++ & (DRAWS - 1)]!) actor.send(event);
  });
}

main();
