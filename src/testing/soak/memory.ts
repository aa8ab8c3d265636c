/** Memory of each process of the nodes over time. */

import { execFileSync } from "node:child_process";

/** A running process of a node. */
export interface Lived {
  readonly node: string;
  readonly pid: number;
  /** URL of its HTTP API. */
  readonly url: string;
}

interface Sample {
  readonly atMs: number;
  /** Resident memory. */
  readonly mib: number;
  /** Heap in use, garbage included; NaN if the node did not respond. */
  readonly heapMib: number;
}

interface Life {
  readonly node: string;
  readonly startedAtMs: number;
  readonly samples: Sample[];
}

/** Memory of a process by quarters of its time from two minutes after its start, in MiB. */
export interface Growth {
  readonly node: string;
  readonly minutes: number;
  /** Mean resident memory. */
  readonly resident: readonly number[];
  /** Minimum of the heap: what garbage collections left. */
  readonly heap: readonly number[];
}

const WARM_UP_MS = 120_000;
/** Minutes that a process must run to show whether its memory grows. */
const LONG_LIFE = 20;
/** Variation by garbage collection under a constant load. */
const MAX_RATIO = 1.15;

const HEAP_METRIC = /^v8js_memory_heap_used\{[^}]*\} (\S+)$/gm;
/** Longest wait for a node's metrics, in milliseconds: the node may be paused. */
const PATIENCE_MS = 2_000;

export class MemoryLog {
  readonly #lives = new Map<number, Life>();

  /** Records the current memory of each process. */
  async sample(processes: readonly Lived[], nowMs: number): Promise<void> {
    if (processes.length === 0) return;
    const resident = readResident(processes.map(({ pid }) => pid));
    await Promise.all(
      processes.map(async ({ node, pid, url }) => {
        const life = this.#lives.get(pid) ?? { node, startedAtMs: nowMs, samples: [] };
        this.#lives.set(pid, life);
        const mib = resident.get(pid);
        const heapMib = await readHeap(url);
        if (mib !== undefined) life.samples.push({ atMs: nowMs, mib, heapMib });
      }),
    );
  }

  /** The longest life of each node, if it has enough samples after its warm-up. */
  growth(): Growth[] {
    const longest = new Map<string, Growth>();
    for (const { node, startedAtMs, samples } of this.#lives.values()) {
      const warm = samples.filter(({ atMs }) => atMs - startedAtMs >= WARM_UP_MS);
      if (warm.length < 8) continue;
      const minutes = (warm.at(-1)!.atMs - startedAtMs) / 60_000;
      if (minutes <= (longest.get(node)?.minutes ?? 0)) continue;
      const quarters = [0, 1, 2, 3].map((i) =>
        warm.slice((i * warm.length) / 4, ((i + 1) * warm.length) / 4),
      );
      longest.set(node, {
        node,
        minutes,
        resident: quarters.map((part) => part.reduce((sum, { mib }) => sum + mib, 0) / part.length),
        heap: quarters.map((part) =>
          Math.min(...part.map(({ heapMib }) => heapMib).filter((mib) => !Number.isNaN(mib))),
        ),
      });
    }
    return [...longest.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  }
}

/** Whether resident memory kept growing: more in the last quarter of a long life than in the second. */
export function grows({ minutes, resident }: Growth): boolean {
  return minutes >= LONG_LIFE && resident[3]! > resident[1]! * MAX_RATIO;
}

/** Resident memory of each process that still runs, in MiB. */
function readResident(pids: readonly number[]): Map<number, number> {
  let text = "";
  try {
    text = execFileSync("ps", ["-o", "pid=,rss=", "-p", pids.join(",")], { encoding: "utf8" });
  } catch {
    // None of them runs any more.
  }
  const lines = text.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [pid = 0, kib = 0] = line.trim().split(/\s+/).map(Number);
      return [pid, kib / 1024];
    }),
  );
}

/** NaN if the node does not respond. */
async function readHeap(url: string): Promise<number> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(PATIENCE_MS) });
    const values = [...(await response.text()).matchAll(HEAP_METRIC)].map(([, value]) =>
      Number(value),
    );
    return values.length === 0 ? Number.NaN : values.reduce((sum, value) => sum + value) / 2 ** 20;
  } catch {
    return Number.NaN;
  }
}
