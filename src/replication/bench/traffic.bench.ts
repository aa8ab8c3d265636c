/** Mutations to measure with: each adds three random states, as the random feed does. */

import type { Machine } from "../../machine/mod.ts";
import { systemTime } from "../mod.ts";
import { nowNs, turn } from "./child.bench.ts";
import { Samples } from "./figures.bench.ts";

export const SEED = 20_010_629;

/** Uniform numbers in [0, 1), the same in each run (mulberry32). */
export function createRandom(seed = SEED): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws three state names; a name may be drawn twice. */
export function createTriples(names: readonly string[], random: () => number): () => string[] {
  const draw = () => names[Math.floor(random() * names.length)]!;
  return () => [draw(), draw(), draw()];
}

/** The mutations of one run, in order. */
export interface Driven {
  /** Seq after each. */
  readonly seqs: Float64Array;
  /** When each started, in nanoseconds ({@linkcode nowNs}). */
  readonly startedNs: Float64Array;
  /** How long each took to execute, in nanoseconds. */
  readonly tookNs: Float64Array;
  /** How long each waited for its turn after it was due, in milliseconds; timers themselves are up to one late. */
  readonly lateMs: Float64Array;
}

export interface DriveOptions {
  /** Mean rate, with intervals that vary by half; Infinity is one in every turn of the event loop. */
  readonly perSecond: number;
  readonly durationMs: number;
}

/** Drives a root's machine with random mutations, one per turn of the event loop; canceled ones do not count. */
export class Traffic {
  readonly #machine: Machine;
  readonly #seq: () => number;
  readonly #random: () => number;
  readonly #triple: () => string[];

  /** `seq` returns the seq of the machine's source. */
  constructor(machine: Machine, seq: () => number, random = createRandom()) {
    this.#machine = machine;
    this.#seq = seq;
    this.#random = random;
    this.#triple = createTriples(machine.names, random);
  }

  async drive({ perSecond, durationMs }: DriveOptions): Promise<Driven> {
    const seqs = new Samples();
    const startedNs = new Samples();
    const tookNs = new Samples();
    const lateMs = new Samples();
    const intervalMs = 1_000 / perSecond;
    const startMs = systemTime.monotonic();
    let dueMs = startMs;
    for (;;) {
      await turn(dueMs - systemTime.monotonic());
      const turnMs = systemTime.monotonic();
      if (turnMs - startMs >= durationMs) break;
      const [started, took] = this.mutate();
      seqs.push(this.#seq());
      startedNs.push(started);
      tookNs.push(took);
      lateMs.push(turnMs - dueMs);
      dueMs += intervalMs * (0.5 + this.#random());
    }
    return {
      seqs: seqs.take(),
      startedNs: startedNs.take(),
      tookNs: tookNs.take(),
      lateMs: lateMs.take(),
    };
  }

  /** Executes one mutation that moves the clock. Returns its beginning and its duration, in nanoseconds. */
  mutate(): readonly [startedNs: number, tookNs: number] {
    for (;;) {
      // `Exception` would cancel most of what follows.
      this.#machine.remove("Exception");
      const triple = this.#triple();
      const seqBefore = this.#seq();
      const startedNs = nowNs();
      this.#machine.add(triple);
      const tookNs = nowNs() - startedNs;
      if (this.#seq() > seqBefore) return [startedNs, tookNs];
    }
  }
}
