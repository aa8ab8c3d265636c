/** What a thousand downstreams of the root cost a mutation: at the root, and sent by a leaf behind a relay. */

import { toTable } from "../../testing/bench_page.ts";
import { startChild } from "./child.bench.ts";
import { REQUEST, startReaders } from "./fan_out.bench.ts";
import { mean, median, type Part, quantile, section } from "./figures.bench.ts";
import { startChain, startFloor } from "./latency.bench.ts";
import type { NodeCommands } from "./node_process.bench.ts";

const DOWNSTREAMS = 1_000;
const ROUNDS = 7;
const ROUND_MS = 1_000;
/** Long enough for the CPU time of a thread, which the system updates every few milliseconds. */
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

/** Alternates between two roots, of which one has downstreams. */
export async function measureExecution(): Promise<Part> {
  const readers = startReaders();
  const idle = startChild<NodeCommands>("node_process.bench.ts");
  const busy = startChild<NodeCommands>("node_process.bench.ts");
  await idle.call.start();
  const { port } = await busy.call.start();
  await readers.call.open(port, REQUEST, DOWNSTREAMS, 1);
  const sides = [idle, busy].map((root) => ({
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
  await Promise.all([readers, idle, busy].map((child) => child.stop()));
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
  const slowdown = (median(all!.singles) / median(none!.singles) - 1) * 100;
  const burstSlowdown = (median(all!.bursts) / median(none!.bursts) - 1) * 100;
  const percent = { unit: "%", digits: 1, limit: 10, is: "below" } as const;
  const head = [`at ${PER_SECOND}/s, p50`, "mean", "p99", "due until begun, p50", "p99"];
  return {
    aims: [
      {
        ...percent,
        what: `mutation slowed by 1,000 downstreams, ${PER_SECOND}/s`,
        value: slowdown,
      },
      {
        ...percent,
        what: "mutation slowed by 1,000 downstreams, in one turn",
        value: burstSlowdown,
      },
    ],
    markdown: section(
      "Executing a mutation on the root",
      "Microseconds:",
      toTable(
        ["downstreams", ...head, "CPU in one turn", "max mutations/s"],
        [row("0", none!), row(DOWNSTREAMS.toLocaleString("en"), all!)],
      ),
      `"In one turn": ${BURST.toLocaleString("en")} mutations in one turn of the event loop; "max": one in each turn. Up to a
millisecond between due and begun belongs to the timer.`,
    ),
  };
}

/** Mutations from a leaf through a relay, without and with a thousand other downstreams on the root. */
export async function measureForwarding(): Promise<Part> {
  const chain = await startChain();
  const readers = startReaders();
  // Warm up: all hot code gets compiled.
  await chain.leaf.call.mutate(3 * PER_SECOND, 4_000);
  const floor = await startFloor();
  const before = await floor.during(() => chain.leaf.call.mutate(PER_SECOND, FORWARD_MS / 2));
  await readers.call.open(chain.rootPort, REQUEST, DOWNSTREAMS, 1);
  await chain.leaf.call.mutate(PER_SECOND, 1_000);
  const after = await floor.during(() => chain.leaf.call.mutate(PER_SECOND, FORWARD_MS));
  await Promise.all([chain.stop(), readers.stop(), floor.stop()]);
  const ms = (samples: Float64Array, share: number) => quantile(samples, share).toFixed(2);
  const row = (what: string, [tookMs, trips]: typeof after) => [
    what,
    String(tookMs.length),
    ms(tookMs, 0.5),
    ms(tookMs, 0.99),
    ms(tookMs, 1),
    ms(trips, 0.5),
    ms(trips, 0.99),
  ];
  return {
    aims: [
      {
        what: "forwarded mutation, 1,000 downstreams, p99",
        value: quantile(after[0], 0.99),
        unit: "ms",
        digits: 2,
        limit: 10,
        is: "below",
      },
    ],
    markdown: section(
      "A mutation sent by a leaf",
      `Milliseconds until the response, at ${PER_SECOND} mutations a second that a relay forwards to the root. "Bare" as above:`,
      toTable(
        ["downstreams of the root", "mutations", "p50", "p99", "max", "bare p50", "bare p99"],
        [row("1", before), row((DOWNSTREAMS + 1).toLocaleString("en"), after)],
      ),
    ),
  };
}
