/** Cost of a thousand downstreams of the root for a mutation: at the root, and sent from a leaf through a relay. */

import { startChild } from "./child.bench.ts";
import { REQUEST, startReaders } from "./fan_out.bench.ts";
import { type Aim, mean, median, printTable, quantile } from "./figures.bench.ts";
import { startChain, startFloor } from "./latency.bench.ts";
import type { NodeCommands } from "./node_process.bench.ts";

const DOWNSTREAMS = 1_000;
const ROUNDS = 7;
const ROUND_MS = 1_000;
/** Enough for the CPU time of a thread, which the system updates every few milliseconds. */
const BURST = 30_000;
const PER_SECOND = 200;
const FORWARD_MS = 8_000;

interface Execution {
  /** Microseconds, one number for each mutation. */
  readonly singles: number[];
  /** Milliseconds from the due time of each mutation to its start. */
  readonly lateMs: number[];
  readonly bursts: number[];
  readonly perSecond: number[];
}

/** Prints the tables; returns the aims. */
export async function measureMutations(): Promise<Aim[]> {
  return [...(await measureExecution()), ...(await measureForwarding())];
}

/** Two alternating roots, one of which has downstreams. */
async function measureExecution(): Promise<Aim[]> {
  const readers = startReaders();
  const alone = startChild<NodeCommands>("node_process.bench.ts");
  const busy = startChild<NodeCommands>("node_process.bench.ts");
  await alone.call.start();
  const { port } = await busy.call.start();
  await readers.call.open(port, REQUEST, DOWNSTREAMS, 1);
  const sides = [alone, busy].map((root) => ({
    root,
    singles: [] as number[],
    lateMs: [] as number[],
    bursts: [] as number[],
    perSecond: [] as number[],
  }));
  for (let i = 0; i <= ROUNDS; i++) {
    for (const { root, singles, lateMs, bursts, perSecond } of sides) {
      const { tookNs, ...driven } = await root.call.drive({
        perSecond: PER_SECOND,
        durationMs: ROUND_MS,
      });
      const burstUs = await root.call.burst(BURST);
      await readers.call.reach(root === busy ? await root.call.seq() : 0);
      const flood = await root.call.drive({
        perSecond: Number.POSITIVE_INFINITY,
        durationMs: ROUND_MS / 2,
      });
      await readers.call.reach(root === busy ? await root.call.seq() : 0);
      // The first round warms up.
      if (i === 0) continue;
      singles.push(...Array.from(tookNs, (ns) => ns / 1_000));
      lateMs.push(...driven.lateMs);
      bursts.push(burstUs);
      perSecond.push((flood.seqs.length * 2_000) / ROUND_MS);
    }
  }
  await Promise.all([readers, alone, busy].map((child) => child.stop()));
  const row = (what: string, { singles, lateMs, bursts, perSecond }: Execution) => [
    what,
    median(singles).toFixed(2),
    mean(singles).toFixed(2),
    quantile(singles, 0.99).toFixed(1),
    (1_000 * quantile(lateMs, 0.5)).toFixed(0),
    (1_000 * quantile(lateMs, 0.99)).toFixed(0),
    median(bursts).toFixed(3),
    Math.round(median(perSecond)).toLocaleString("en"),
  ];
  const [none, all] = sides;
  printTable(
    "Executing a mutation on the root, in µs",
    [
      "downstreams",
      ...[`at ${PER_SECOND}/s, p50`, "mean", "p99", "due until begun, p50", "p99"],
      ...["CPU in one go", "most/s"],
    ],
    [row("0", none!), row(DOWNSTREAMS.toLocaleString("en"), all!)],
  );
  console.log(`In one go: ${BURST.toLocaleString("en")} without a turn of the event loop between them. Most: one in each turn.
Due until begun: up to a millisecond of it is the timer's.`);
  const slowdown = (median(all!.singles) / median(none!.singles) - 1) * 100;
  const burstSlowdown = (median(all!.bursts) / median(none!.bursts) - 1) * 100;
  const percent = { unit: "%", digits: 1, limit: 10, is: "below" } as const;
  return [
    { ...percent, what: `mutation slowed by 1,000 downstreams, ${PER_SECOND}/s`, value: slowdown },
    { ...percent, what: "mutation slowed by 1,000 downstreams, in one go", value: burstSlowdown },
  ];
}

/** Mutations from a leaf through a relay, without and with a thousand other downstreams on the root. */
async function measureForwarding(): Promise<Aim[]> {
  const chain = await startChain();
  const readers = startReaders();
  // Warms up, like nodes after some time of service.
  await chain.leaf.call.mutate(3 * PER_SECOND, 4_000);
  const floor = await startFloor();
  const before = await floor.during(() => chain.leaf.call.mutate(PER_SECOND, FORWARD_MS / 2));
  await readers.call.open(chain.rootPort, REQUEST, DOWNSTREAMS, 1);
  await chain.leaf.call.mutate(PER_SECOND, 1_000);
  const after = await floor.during(() => chain.leaf.call.mutate(PER_SECOND, FORWARD_MS));
  await Promise.all([chain.stop(), readers.stop(), floor.stop()]);
  const ms = (samples: Float64Array, share: number) => quantile(samples, share).toFixed(2);
  const row = (what: string, [answers, trips]: typeof after) => [
    what,
    String(answers.length),
    ms(answers, 0.5),
    ms(answers, 0.99),
    ms(answers, 1),
    ms(trips, 0.5),
    ms(trips, 0.99),
  ];
  printTable(
    `Mutations sent by a leaf, ${PER_SECOND} a second, forwarded by its relay, answered by the root, in ms`,
    ["downstreams of the root", "mutations", "p50", "p99", "max", "bare p50", "bare p99"],
    [row("1", before), row((DOWNSTREAMS + 1).toLocaleString("en"), after)],
  );
  return [
    {
      what: "forwarded mutation, 1,000 downstreams, p99",
      value: quantile(after[0], 0.99),
      unit: "ms",
      digits: 2,
      limit: 10,
      is: "below",
    },
  ];
}
