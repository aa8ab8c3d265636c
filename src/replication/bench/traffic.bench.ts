/** Mutations to measure with: three random states at a time, as the random feed makes them. */

import type { Machine } from "../../machine/mod.ts";
import { systemTime } from "../mod.ts";
import { nowNs } from "./child.bench.ts";
import { Samples } from "./figures.bench.ts";

export const SEED = 20_010_629;

/** Uniform numbers in [0, 1), the same on each run (mulberry32). */
export function createRandom(seed = SEED): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws three state names; a name may come twice. */
export function createTriples(names: readonly string[], random: () => number): () => string[] {
  const draw = () => names[Math.floor(random() * names.length)]!;
  return () => [draw(), draw(), draw()];
}

/** The mutations of one run, in order. */
export interface Driven {
  /** Seq after each. */
  readonly seqs: Float64Array;
  /** When each began, in nanoseconds ({@linkcode nowNs}). */
  readonly startedNs: Float64Array;
  /** How long each took to execute, in nanoseconds. */
  readonly tookNs: Float64Array;
  /** How long each waited for its turn after it was due, in milliseconds; timers are up to one late by themselves. */
  readonly lateMs: Float64Array;
}

export interface DriveOptions {
  /** Mean number a second, at times that vary by half; Infinity is one in every turn of the event loop. */
  readonly perSecond: number;
  readonly durationMs: number;
}

/** Drives a root's machine with random mutations, one in a turn of the event loop; canceled ones are not counted. */
export class Traffic {
  readonly #machine: Machine;
  readonly #seq: () => number;
  readonly #random: () => number;
  readonly #triple: () => string[];

  /** `seq` tells the seq of the machine's source. */
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

  /** Executes one mutation that moves the clock. Returns when it began and how long it took, in nanoseconds. */
  mutate(): readonly [startedNs: number, tookNs: number] {
    for (;;) {
      // An error state among them would block most of what follows.
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

/** Waits for `ms`, or if that is past for the next turn of the event loop. */
function turn(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms > 0) setTimeout(resolve, Math.ceil(ms));
    else setImmediate(resolve);
  });
}
