/** The clock as handlers know it: where it stood when they were last told, and what has flipped since. */

import type { VersionedClock } from "../replication/mod.ts";

/** What happened to one state between two clocks. */
export interface Flip<N extends string = string> {
  readonly state: N;
  /** Its tick when handlers were last told of it; of the epoch before if the change's type is `epoch`. */
  readonly tickBefore: number;
  /** Its tick now. 0 for a state that a new schema does not have. */
  readonly tick: number;
  readonly wasActive: boolean;
  readonly isActive: boolean;
  /**
   * How often it has turned active in between: 0 for a state that only left, 1 for one that came, and
   * more where several changes came as one. Of a multi state, each time it was called counts.
   */
  readonly activations: number;
}

/** Two clocks, one after the other. Within an epoch `flips` holds each state whose tick moved; across epochs, each whose activity differs. In index order. */
export interface ToldDiff {
  readonly type: "diff" | "epoch";
  readonly seqBefore: number;
  readonly flips: readonly Flip[];
}

export class ToldClock {
  #epoch = "";
  #seq = 0;
  #names: readonly string[] = [];
  #ticks = new Float64Array(0);

  /** Takes the whole clock as told, without flips. */
  skipTo(clock: VersionedClock): void {
    this.#epoch = clock.epoch;
    this.#seq = clock.seq;
    this.#names = clock.names;
    this.#ticks = Float64Array.from(clock.ticks);
  }

  /** Whether the clock has moved on. */
  isBehind(clock: VersionedClock): boolean {
    return this.#epoch !== clock.epoch || this.#seq !== clock.seq;
  }

  /**
   * What has flipped up to the clock as it stands, which counts as told from now on. Undefined for the
   * first clock there is: nobody knows what it was before. Costs what changed; the whole clock in a new epoch.
   */
  take(clock: VersionedClock): ToldDiff | undefined {
    const seqBefore = this.#seq;
    if (this.#epoch === "") {
      this.skipTo(clock);
      return undefined;
    }
    // Index orders are the same within an epoch, unless a source broke its word.
    if (this.#epoch !== clock.epoch || this.#names.length !== clock.names.length) {
      const flips = this.#compare(clock);
      this.skipTo(clock);
      return { type: "epoch", seqBefore, flips };
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
        return flipWithin(clock.names[index]!, tickBefore, tick);
      });
    this.#seq = clock.seq;
    this.#names = clock.names;
    return { type: "diff", seqBefore, flips };
  }

  /** By name and by activity, as ticks of different epochs have nothing to do with each other. */
  #compare(clock: VersionedClock): Flip[] {
    const before = new Map(this.#names.map((name, index) => [name, this.#ticks[index]!]));
    const flips: Flip[] = [];
    for (const [index, state] of clock.names.entries()) {
      const tickBefore = before.get(state) ?? 0;
      before.delete(state);
      const tick = clock.ticks[index]!;
      if (isOdd(tickBefore) !== isOdd(tick)) flips.push(flipAcross(state, tickBefore, tick));
    }
    for (const [state, tickBefore] of before)
      if (isOdd(tickBefore)) flips.push(flipAcross(state, tickBefore, 0));
    return flips;
  }
}

/** The flip of a state that is active, for who has not been told of it. */
export function flipToActive(state: string, tick: number): Flip {
  return { state, tickBefore: 0, tick, wasActive: false, isActive: true, activations: 1 };
}

function flipWithin(state: string, tickBefore: number, tick: number): Flip {
  return {
    state,
    tickBefore,
    tick,
    wasActive: isOdd(tickBefore),
    isActive: isOdd(tick),
    // As many as there are odd numbers after tickBefore, up to tick.
    activations: Math.ceil(tick / 2) - Math.ceil(tickBefore / 2),
  };
}

function flipAcross(state: string, tickBefore: number, tick: number): Flip {
  const isActive = isOdd(tick);
  return {
    state,
    tickBefore,
    tick,
    wasActive: !isActive,
    isActive,
    activations: isActive ? 1 : 0,
  };
}

function isOdd(tick: number): boolean {
  return tick % 2 === 1;
}
