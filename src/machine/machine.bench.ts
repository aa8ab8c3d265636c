/**
 * How fast the machine is and what it allocates, compared with XState 5 on the same domain.
 * `npm run bench:machine` prints the page BENCH.md, `npm run bench:machine -- --write` writes it.
 *
 * Each row calls the public methods, including the queue, in a loop; names are drawn before it. A row is
 * measured in rounds, by the CPU time of this process, and shows the median round, so that other
 * processes have little influence.
 */

import { buildFlightsSchema, type FlightsSchema } from "../generators/mod.ts";
import { describeHost, publishPage, toTable } from "../testing/bench_page.ts";
import { createMachine, type Machine, recordHistory, type Schema } from "./mod.ts";
import { createFlightsActor } from "./xstate.bench.ts";

const SEED = 20_010_629;
const ROUND_MS = 250;
const ROUNDS = 5;
const DRAWS = 1 << 14;
/** Most calls between two readings of the heap: few enough that most chunks see no garbage collection. */
const HEAP_CHUNK = 2_000;
const HEAP_CHUNKS = 60;

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

/** Triples of state names; a name may occur twice, as in the original's example. */
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

/** Returns a call that adds the next triple, and removes `Exception` if that activated it: not counted, but part of the time. */
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

/** CPU time of the process so far, with all its threads, in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Runs `call` for `ROUND_MS`; returns calls per second. */
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

/** Growth of the heap per call: the median of the chunks without a garbage collection. */
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

/** Measures a call; returns a row of the table. */
function measure(what: string, call: () => void, machine?: Machine): string[] {
  console.error(`measuring: ${what}`);
  // The first round warms up and determines how many calls take about a millisecond.
  const batch = Math.ceil(timeRound(call, 50) / 1_000);
  const perSecond = median(Array.from({ length: ROUNDS }, () => timeRound(call, batch)));
  const bytes = countBytes(call, Math.min(HEAP_CHUNK, Math.ceil(perSecond / 400)));
  const counts = machine?.resolverCounts;
  return [
    what,
    toCount(Math.round(perSecond)),
    (1e6 / perSecond).toFixed(perSecond < 1e5 ? 1 : 3),
    bytes.toFixed(0),
    counts === undefined ? "" : `${toCount(counts.incremental)} / ${toCount(counts.general)}`,
  ];
}

function toCount(value: number): string {
  return value.toLocaleString("en");
}

function measureCompile(flights: FlightsSchema): string[] {
  const size = flights.stateNames.length;
  const times = Array.from({ length: size > 10_000 ? 3 : 9 }, () => {
    const start = cpuMs();
    createMachine(flights.schema as Schema, { states: flights.stateNames });
    return cpuMs() - start;
  });
  return [toCount(size), median(times).toFixed(2)];
}

function main(): void {
  const sizes = [10, 100, 1_000].map((flights) => buildFlightsSchema({ flights, gates: 5 }));
  const small = sizes[0]!;
  const rows = sizes.map((flights) => {
    const machine = createFlights(flights);
    const what = `add of 3 random states, ${toCount(flights.stateNames.length)} states`;
    return measure(what, createAdder(machine), machine);
  });
  rows.push(...measureSmall(small), measureXState(small));
  const header = ["call", "calls/s", "µs", "bytes", "resolved incrementally / generally"];
  publishPage(
    new URL("./BENCH.md", import.meta.url),
    `
# What the machine costs

Printed by \`npm run bench:machine\`, about half a minute; written here by \`npm run bench:machine -- --write\`.
${describeHost()}, seed ${SEED}, per second of CPU time.

${toTable(header, rows)}

Compiling the schema and making a machine:

${toTable(["states", "ms"], sizes.map(measureCompile))}

- A call is one mutation from outside through the queue, with the auto transition that it triggers. An
  executed one without hooks allocates nothing: the bytes of the first rows are the reasons of canceled
  ones, one call in five (149 states) to eight, mostly because two of the states exclude each other or
  a Require is not met.
- Bytes are the growth of the used heap over at most ${toCount(HEAP_CHUNK)} calls: the median of ${HEAP_CHUNKS} chunks, without those that saw
  a garbage collection.
- The cost depends on the states that a transition touches and their relations, not on the number of
  states. Its lower limit: looking up three names in a map (about a seventh of the time at 149 states, a
  fifth at 14,009), then reading the relations of the touched states, which at 14,009 states no longer
  fit into the first-level cache.
- \`set\`, schemas with \`after\` and active multi states that imply others use the general resolver, which
  visits all active states.
- XState 5 runs the same flights, groups and single states as parallel regions; an event of its name
  enters each state. It does less: three events are three transitions, not one that is executed or
  canceled as a whole; only what is written out by hand cascades (GoToGate); no state activates by
  itself as auto states do; there are no ticks. It also does more: each event makes an immutable
  snapshot, and there are hierarchy and actors.
`,
  );
}

/** What a call costs with hooks, handlers and waits, on 149 states. */
function measureSmall(flights: FlightsSchema): string[][] {
  const rows: string[][] = [];
  const add = (what: string, call: () => void, machine: Machine) =>
    rows.push(measure(what, call, machine));
  const pair = createFlights(flights);
  let isOn = false;
  add(
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
  add(
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
  add("add of 3, one tracer (transitionEnd)", createAdder(traced), traced);

  const reading = createFlights(flights);
  reading.trace({
    transitionEnd(transition) {
      seen += transition.enters.length + transition.exits.length;
    },
  });
  add("add of 3, one tracer that reads the names", createAdder(reading), reading);

  const remembered = createFlights(flights);
  const history = recordHistory(remembered);
  add("add of 3, history of 1,000 records", createAdder(remembered), remembered);

  const count = () => {
    seen++;
  };
  const handled = createFlights(flights);
  handled.bind({ Flight1DelayedState: count });
  add("add of 3, one handler bound", createAdder(handled), handled);

  const asked = createFlights(flights);
  asked.bind({
    Flight1DelayedEnter: count,
    Flight1OnTimeExit: count,
    Flight1Inbound: pairOf(count),
  });
  add("add of 3, Enter, Exit and pair handlers bound", createAdder(asked), asked);

  const watched = createFlights(flights);
  watched.bind({ AnyEnter: count, AnyState: count });
  add("add of 3, AnyEnter and AnyState bound", createAdder(watched), watched);

  const waited = createFlights(flights);
  // Ticks that are never reached: all waits stay open, spread over the states.
  for (let i = 0; i < 1_000; i++) {
    const name = waited.names[i % waited.names.length]!;
    void waited.whenTime({ [name]: 1e15 + i });
  }
  add("add of 3, 1,000 open waits", createAdder(waited), waited);
  if (seen === 0 || waited.waitCount < 1_000 || history.size < 1_000)
    throw new Error("Cannot trust the rows: a hook was not called");
  return rows;
}

function pairOf(handler: () => void): Record<string, () => void> {
  return { Flight1Outbound: handler };
}

function measureXState(flights: FlightsSchema): string[] {
  const actor = createFlightsActor(flights);
  const triples = drawTriples(flights.stateNames).map((names) => names.map((type) => ({ type })));
  let next = 0;
  return measure("XState 5: 3 random events, same 149 states", () => {
    for (const event of triples[next++ & (DRAWS - 1)]!) actor.send(event);
  });
}

main();
