/** Resident memory of the nodes over the time that each of their processes lived. */

import { execFileSync } from "node:child_process";

interface Life {
  readonly node: string;
  readonly startedAtMs: number;
  readonly samples: { readonly atMs: number; readonly mib: number }[];
}

/** What a process did with its memory, from two minutes after its start on. */
export interface Growth {
  readonly node: string;
  readonly minutes: number;
  /** Means of the first and the last quarter, in MiB. */
  readonly first: number;
  readonly last: number;
  readonly highest: number;
}

const WARM_UP_MS = 120_000;

export class MemoryLog {
  readonly #lives = new Map<number, Life>();

  /** Notes the memory of each process now. */
  sample(pids: ReadonlyMap<string, number>, nowMs: number): void {
    if (pids.size === 0) return;
    const numbers = [...pids.values()].join(",");
    const lines = execFileSync("ps", ["-o", "pid=,rss=", "-p", numbers], { encoding: "utf8" });
    const kib = new Map(
      lines
        .trim()
        .split("\n")
        .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]),
    );
    for (const [node, pid] of pids) {
      const life = this.#lives.get(pid) ?? { node, startedAtMs: nowMs, samples: [] };
      this.#lives.set(pid, life);
      life.samples.push({ atMs: nowMs, mib: (kib.get(pid) ?? 0) / 1024 });
    }
  }

  /** Of every node the longest life, if that went on for a while after its warm-up. */
  growth(): Growth[] {
    const longest = new Map<string, Growth>();
    for (const { node, startedAtMs, samples } of this.#lives.values()) {
      const warm = samples.filter(({ atMs }) => atMs - startedAtMs >= WARM_UP_MS);
      if (warm.length < 8) continue;
      const quarter = Math.floor(warm.length / 4);
      const mean = (part: typeof warm) => part.reduce((sum, { mib }) => sum + mib, 0) / part.length;
      const minutes = (warm.at(-1)!.atMs - startedAtMs) / 60_000;
      if (minutes <= (longest.get(node)?.minutes ?? 0)) continue;
      longest.set(node, {
        node,
        minutes,
        first: mean(warm.slice(0, quarter)),
        last: mean(warm.slice(-quarter)),
        highest: Math.max(...warm.map(({ mib }) => mib)),
      });
    }
    return [...longest.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  }
}
