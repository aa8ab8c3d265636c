/** The clock as handlers know it: a copy of the last delivered clock, and the flips since then. */

import type { VersionedClock } from "../replication/mod.ts";
import type { Flip, ReplicaChange } from "./event.ts";

export class DeliveredClock {
  #epoch = "";
  #seq = 0;
  #names: readonly string[] = [];
  #ticks = new Float64Array(0);

  /** Whether it holds a clock. A field, as it is read at each change. */
  hasStarted = false;

  /** Takes the whole clock as delivered, without flips. */
  skipTo(clock: VersionedClock): void {
    this.hasStarted = clock.epoch !== "";
    this.#epoch = clock.epoch;
    this.#seq = clock.seq;
    this.#names = clock.names;
    this.#ticks = Float64Array.from(clock.ticks);
  }

  /** Whether the clock has moved since the last delivery. */
  isBehind(clock: VersionedClock): boolean {
    return this.#epoch !== clock.epoch || this.#seq !== clock.seq;
  }

  /**
   * Takes the clock as delivered and returns how it moved. Within an epoch the flips are the states whose
   * tick moved, across epochs those whose activity differs. The cost follows the states that changed; in a
   * new epoch, the size of the clock.
   */
  take(clock: VersionedClock): ReplicaChange {
    const { epoch, seq, changedAtMs } = clock;
    const seqBefore = this.#seq;
    // The index order is constant within an epoch, except for a faulty source.
    if (this.#epoch !== epoch || this.#names.length !== clock.names.length) {
      const flips = this.#compare(clock);
      this.skipTo(clock);
      const traceContexts = clock.traceContextsSince(0);
      return { type: "epoch", epoch, seqBefore, seq, changedAtMs, flips, traceContexts };
    }
    const moved: number[] = [];
    clock.forEachChangedSince(seqBefore, (index, tick) => {
      if (tick !== this.#ticks[index]) moved.push(index);
    });
    const flips = moved
      .sort((a, b) => a - b)
      .map((index) => {
        const tickBefore = this.#ticks[index]!;
        const tick = clock.ticks[index]!;
        this.#ticks[index] = tick;
        // One activation for each odd number after tickBefore, up to tick.
        const activations = Math.ceil(tick / 2) - Math.ceil(tickBefore / 2);
        return toFlip(clock.names[index]!, tickBefore, tick, activations);
      });
    this.#seq = seq;
    this.#names = clock.names;
    const traceContexts = clock.traceContextsSince(seqBefore);
    return { type: "diff", epoch, seqBefore, seq, changedAtMs, flips, traceContexts };
  }

  /** Compares by name and activity, because ticks of different epochs are unrelated. */
  #compare(clock: VersionedClock): Flip[] {
    const before = new Map(this.#names.map((name, index) => [name, this.#ticks[index]!]));
    const flips: Flip[] = [];
    const compare = (state: string, tickBefore: number, tick: number) => {
      if (isOdd(tickBefore) !== isOdd(tick)) flips.push(toFlip(state, tickBefore, tick, tick % 2));
    };
    for (const [index, state] of clock.names.entries()) {
      compare(state, before.get(state) ?? 0, clock.ticks[index]!);
      before.delete(state);
    }
    for (const [state, tickBefore] of before) compare(state, tickBefore, 0);
    return flips;
  }
}

/** The active states of a clock as a change, for a binding that starts with it. */
export function toJoin({ epoch, seq, changedAtMs, names, ticks }: VersionedClock): ReplicaChange {
  const flips = names.flatMap((name, index) =>
    isOdd(ticks[index]!) ? [toFlip(name, 0, ticks[index]!, 1)] : [],
  );
  return { type: "join", epoch, seqBefore: 0, seq, changedAtMs, flips, traceContexts: [] };
}

function toFlip(state: string, tickBefore: number, tick: number, activations: number): Flip {
  const [wasActive, isActive] = [isOdd(tickBefore), isOdd(tick)];
  return { state, tickBefore, tick, wasActive, isActive, activations };
}

function isOdd(tick: number): boolean {
  return tick % 2 === 1;
}
