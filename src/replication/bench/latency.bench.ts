/** How long a change takes from the root to a relay and to a leaf behind it, each its own process. */

import { toTable } from "../../testing/bench_page.ts";
import { type Child, startChild } from "./child.bench.ts";
import { type Aim, type Part, quantile, section } from "./figures.bench.ts";
import type { NodeCommands } from "./node_process.bench.ts";
import type { PingCommands } from "./ping_process.bench.ts";
import type { ReplicaCommands } from "./replica_process.bench.ts";
import type { Driven } from "./traffic.bench.ts";

interface Load {
  readonly what: string;
  readonly perSecond: number;
  readonly durationMs: number;
}

const LOADS: readonly Load[] = [
  { what: "idle: 40 a second", perSecond: 40, durationMs: 12_000 },
  { what: "busy: 200 a second", perSecond: 200, durationMs: 10_000 },
  { what: "as fast as possible", perSecond: Number.POSITIVE_INFINITY, durationMs: 4_000 },
];

interface Arrivals {
  readonly seqs: Float64Array;
  readonly arrivedNs: Float64Array;
}

/** A root, a relay and a leaf, all pushing without delay. */
export interface Chain {
  readonly root: Child<NodeCommands>;
  readonly rootPort: number;
  readonly relay: Child<NodeCommands>;
  readonly leaf: Child<ReplicaCommands>;
  stop(): Promise<void>;
}

export async function startChain(): Promise<Chain> {
  const root = startChild<NodeCommands>("node_process.bench.ts");
  const relay = startChild<NodeCommands>("node_process.bench.ts");
  const leaf = startChild<ReplicaCommands>("replica_process.bench.ts");
  const { port: rootPort } = await root.call.start("--push-interval-ms", "0");
  const { port } = await relay.call.start(
    ...["--name", "rep-1", "--role", "relay", "--push-interval-ms", "0"],
    ...["--parent-addr", `127.0.0.1:${rootPort}`],
  );
  await leaf.call.follow("rep-1-1", `127.0.0.1:${port}`);
  return {
    root,
    rootPort,
    relay,
    leaf,
    async stop() {
      await Promise.all([root.stop(), relay.stop(), leaf.stop()]);
    },
  };
}

/**
 * What the operating system itself takes at the same time: bare TCP to another process and back, which wakes
 * as many processes as a change from the root to a leaf.
 */
export interface Floor {
  /** Measures while `run` does. Returns the result of `run`, and the round trips in milliseconds. */
  during<T>(run: () => Promise<T>): Promise<readonly [T, Float64Array]>;
  stop(): Promise<void>;
}

export async function startFloor(): Promise<Floor> {
  const near = startChild<PingCommands>("ping_process.bench.ts");
  const far = startChild<PingCommands>("ping_process.bench.ts");
  await near.call.connect(await far.call.listen());
  return {
    async during(run) {
      await near.call.begin();
      const result = await run();
      return [result, await near.call.end()];
    },
    async stop() {
      await Promise.all([near.stop(), far.stop()]);
    },
  };
}

/** Milliseconds from the beginning of each mutation until a clock reached its seq. */
function delaysMs({ seqs, startedNs }: Driven, arrivals: Arrivals): Float64Array {
  let next = 0;
  return seqs.map((seq, i) => {
    while (next < arrivals.seqs.length && arrivals.seqs[next]! < seq) next++;
    if (next === arrivals.seqs.length) throw new Error(`Cannot continue: seq ${seq} never arrived`);
    return (arrivals.arrivedNs[next]! - startedNs[i]!) / 1e6;
  });
}

export async function measureLatency(): Promise<Part> {
  const chain = await startChain();
  const { root, relay, leaf } = chain;
  const floor = await startFloor();
  const rows: string[][] = [];
  const aims: Aim[] = [];
  // Warm up: all hot code gets compiled.
  await root.call.drive({ perSecond: 400, durationMs: 2_000 });
  for (const { what, perSecond, durationMs } of LOADS) {
    await reached(chain);
    await Promise.all([relay.call.arrivals(), leaf.call.arrivals()]);
    const [driven, trips] = await floor.during(() => root.call.drive({ perSecond, durationMs }));
    await reached(chain);
    const levels = [await relay.call.arrivals(), await leaf.call.arrivals()];
    const [l1, l2] = levels.map((arrivals) => delaysMs(driven, arrivals));
    const ms = (delays: Float64Array, share: number) => quantile(delays, share).toFixed(2);
    rows.push([
      what,
      Math.round((driven.seqs.length * 1_000) / durationMs).toLocaleString("en"),
      ms(l1!, 0.5),
      ms(l1!, 0.99),
      ms(l2!, 0.5),
      ms(l2!, 0.99),
      ms(l2!, 1),
      ms(trips, 0.5),
      ms(trips, 0.99),
    ]);
    if (perSecond === 40) continue;
    aims.push({
      what: `root → L2, p99, ${what}`,
      value: quantile(l2!, 0.99),
      unit: "ms",
      digits: 2,
      limit: 5,
      is: "below",
    });
  }
  await Promise.all([chain.stop(), floor.stop()]);
  const head = ["L1 p50", "L1 p99", "L2 p50", "L2 p99", "L2 max", "bare p50", "bare p99"];
  return {
    aims,
    markdown: section(
      "Latency",
      `Milliseconds from the beginning of a mutation at the root until it is visible at a relay (L1) and at the leaf
behind it (L2). The last row keeps all cores busy. "Bare" is one byte over TCP to another process and back at
the same time, without our code:`,
      toTable(["source", "mutations/s", ...head], rows),
    ),
  };
}

/** Resolves once the leaf has reached the root's seq. */
async function reached({ root, leaf }: Chain): Promise<void> {
  while ((await leaf.call.seq()) !== (await root.call.seq())) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
