/** Links and processes that cannot keep up with a busy root: what they experience, and that no other node is affected. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { NodeProcess } from "./node_process.ts";
import { shareTree } from "./shared_tree.ts";
import { allow, until } from "./until.ts";

/** Longest time of a version to a leaf without faults. */
const PROMPT_MS = 500;
/** Far less than the root sends. */
const BYTES_PER_SECOND = 4_000;
/** Largest growth of the root for a stalled leaf; to keep every version would take several times as much. */
const GROWTH_MIB = 30;

const tree = shareTree({
  variables: { TST_PUSH_INTERVAL_MS: "0", TST_LOG_LEVEL: "trace" },
  async start(tree) {
    await tree.start("root", {
      variables: { TST_FEED: "random", TST_MUTATION_INTERVAL_MS: "1", TST_LOG_LEVEL: "info" },
    });
    await tree.start("good", { upstreams: ["root"] });
    await tree.start("slow", { upstreams: ["root"] });
    await tree.watch(["good", "slow"], { paceMs: 20 });
  },
});

/** Milliseconds until a leaf shows the current version of the root. */
async function catchUpMs(name: string): Promise<number> {
  const { version } = (await tree.node("root").get("/states")).json<{ version: string }>();
  const startedAtMs = performance.now();
  const read = await tree.node(name).get(`/states?min-version=${version}&wait=20000`);
  expect([name, read.status]).toEqual([name, 200]);
  return performance.now() - startedAtMs;
}

/** What the root reports about its downstream. */
async function downstream(name: string) {
  const { downstreams } = (await tree.node("root").get("/topology")).json<{
    downstreams: { name: string; lagSeq: number; pushes: number }[];
  }>();
  return downstreams.find((candidate) => candidate.name === name);
}

/** Resolves once the node has applied a diff over at least `minSeqs` seqs, after so many log lines. */
const untilMerged = (node: NodeProcess, minSeqs: number, from: number) =>
  until(`a diff over ${minSeqs} seqs at ${node.name}`, () => {
    // Some earlier lines are included, as the first diff is counted from the seq before it.
    const lines = node.logged(/^diff applied/, from - 100);
    const seqs = lines.map(({ text }) => Number(/version=\S+-(\d+)/.exec(text)![1]));
    return seqs.some((seq, i) => seq - (seqs[i - 1] ?? seq) >= minSeqs);
  });

/** Resident memory of a process, in MiB. */
function memoryOf({ pid }: NodeProcess): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1];
  return Number(kib) / 1024;
}

describe("Downstream of a busy root", () => {
  it("a slow link gets merged diffs, and delays no other link", async () => {
    const slow = tree.node("slow");
    const link = tree.link("slow", "root");
    link.shape({ bytesPerSecond: BYTES_PER_SECOND }, ["to_client"]);
    await until(
      "diffs that wait to be merged",
      async () => ((await downstream("slow"))?.lagSeq ?? 0) > 500,
      { withinMs: 30_000 },
    );
    expect(await catchUpMs("good")).toBeLessThan(allow(PROMPT_MS));
    const [good, behind] = [await downstream("good"), await downstream("slow")];
    expect(behind!.pushes).toBeLessThan(good!.pushes);
    // The merged diffs are old, and show their age; the watch checks that no age is too low.
    await until("a response with a high age", () => tree.watchOf("slow").counts.oldestMs > 2_000, {
      withinMs: 30_000,
    });

    const from = slow.log.length;
    link.heal();
    expect(await catchUpMs("slow")).toBeLessThan(allow(PROMPT_MS));
    await untilMerged(slow, 500, from);
    expect(slow.logged(/^(link lost|snapshot applied|resync)/, from)).toEqual([]);
  });

  it("a paused leaf is closed after ten seconds, costs no memory, and resumes with one diff", async () => {
    const [root, slow] = [tree.node("root"), tree.node("slow")];
    const [rootFrom, slowFrom] = [root.log.length, slow.log.length];
    const memoryBefore = memoryOf(root);
    slow.suspend();
    const slowest: number[] = [];
    const closed = await until(
      "the end of the leaf's stream",
      async () => {
        slowest.push(await catchUpMs("good"));
        return root.logged(/^downstream closed/, rootFrom)[0];
      },
      { withinMs: 30_000, everyMs: 50 },
    );
    expect(closed.text).toContain("read nothing for 10000 ms");
    expect(closed.text).toContain("downstream=slow");
    expect(Math.max(...slowest)).toBeLessThan(allow(PROMPT_MS));
    expect(memoryOf(root) - memoryBefore).toBeLessThan(GROWTH_MIB);

    slow.resume();
    await catchUpMs("slow");
    await untilMerged(slow, 1_000, slowFrom);
  });
});
