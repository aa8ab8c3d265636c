/** Replicas as a process of the bench, each with its own connection. */

import { createHttp2Transport } from "../../runtime/node.ts";
import { Replica } from "../mod.ts";
import { nowNs, serve } from "./child.bench.ts";
import { Samples } from "./figures.bench.ts";
import { createRandom, createTriples } from "./traffic.bench.ts";

const replicas: Replica[] = [];
const seqs = new Samples();
const arrivedNs = new Samples();
/** For each replica: when its link was last lost, and when it was live again. */
const links: { lostNs: number; liveNs: number }[] = [];

const commands = {
  /** Makes `count` replicas follow an address; resolves once all are live. */
  async follow(name: string, address: string, count = 1) {
    for (let i = 0; i < count; i++) {
      const link = { lostNs: Number.NaN, liveNs: Number.NaN };
      const replica = new Replica({
        name: count === 1 ? name : `${name}-${i + 1}`,
        addresses: [address],
        transport: createHttp2Transport().fetch,
        tracer: {
          linkLost: () => {
            // Failures until it is live again belong to the same loss.
            if (Number.isNaN(link.lostNs)) link.lostNs = nowNs();
          },
          linkStatus: (status) => {
            if (status === "live") link.liveNs = nowNs();
          },
        },
      });
      replicas.push(replica);
      links.push(link);
      replica.start();
    }
    replicas[0]!.clock.onChange(() => {
      seqs.push(replicas[0]!.clock.seq);
      arrivedNs.push(nowNs());
    });
    await live();
  },
  seq: () => replicas[0]!.clock.seq,
  arrivals: () => ({
    seqs: seqs.take(),
    arrivedNs: arrivedNs.take(),
  }),
  forget() {
    for (const link of links) {
      link.lostNs = Number.NaN;
      link.liveNs = Number.NaN;
    }
  },
  /** Resolves once all links have been lost and live again since {@linkcode forget}. */
  async healed() {
    while (links.some(({ lostNs, liveNs }) => !(liveNs > lostNs))) await turn(1);
    return links;
  },
  /**
   * Sends random mutations upstream, `perSecond` on average, without waiting for responses. Returns how long
   * each response took, in milliseconds.
   */
  async mutate(perSecond: number, durationMs: number) {
    const replica = replicas[0]!;
    const random = createRandom(perSecond);
    const triple = createTriples(replica.clock.names, random);
    const tookMs: Promise<number>[] = [];
    const startMs = performance.now();
    for (let dueMs = startMs; dueMs - startMs < durationMs; ) {
      const states = triple().filter((name) => name !== "Exception");
      const sentMs = performance.now();
      const response = replica.mutate(
        { type: "add", states },
        { signal: new AbortController().signal, timeoutMs: 10_000 },
      );
      // One without a response took forever.
      tookMs.push(
        response.then(
          () => performance.now() - sentMs,
          () => Number.POSITIVE_INFINITY,
        ),
      );
      dueMs += (1_000 / perSecond) * (0.5 + random());
      await turn(Math.max(0, dueMs - performance.now()));
    }
    return Float64Array.from(await Promise.all(tookMs));
  },
};

async function live(): Promise<void> {
  while (replicas.some(({ status }) => status !== "live")) await turn(5);
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export type ReplicaCommands = typeof commands;

serve(commands);
