/** Random numbers from a seed: the same seed gives the same run. */

export class Random {
  /** A whole number from 0 to 2^32 - 1. */
  readonly uint32: () => number;

  constructor(uint32: () => number) {
    this.uint32 = uint32;
  }

  /** In [0, 1). */
  readonly fraction = (): number => this.uint32() / 0x1_0000_0000;

  /** A whole number from `min` to `max`, inclusive. */
  int(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of `values`, which is not empty. */
  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.fraction() * values.length)]!;
  }

  /** `count` different ones of `values`, or all if there are fewer. */
  sample<T>(values: readonly T[], count: number): T[] {
    const left = [...values];
    const chosen: T[] = [];
    while (chosen.length < count && left.length > 0)
      chosen.push(left.splice(Math.floor(this.fraction() * left.length), 1)[0]!);
    return chosen;
  }

  /** 16 hex digits. */
  hex64(): string {
    return [this.uint32(), this.uint32()]
      .map((half) => half.toString(16).padStart(8, "0"))
      .join("");
  }
}

/** A sequence of numbers (sfc32, from PractRand). */
export function randomInOrder(seed: number): Random {
  let a = seed | 0;
  let b = mix(seed) | 0;
  let c = 0x9e37_79b9 | 0;
  let counter = 1;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  return new Random(next);
}

/**
 * Numbers that depend on the time at which they are drawn, and not on earlier draws: when an action is dropped
 * from a scenario, everything that it does not affect stays the same. Each `label` has its own numbers.
 */
export function randomByMoment(seed: number, label: string, nowMs: () => number): Random {
  let base = mix(seed);
  for (let i = 0; i < label.length; i++) base = mix(base ^ label.charCodeAt(i));
  let drawnAtMs = Number.NaN;
  let drawn = 0;
  return new Random(() => {
    const now = nowMs();
    drawn = now === drawnAtMs ? drawn + 1 : 0;
    drawnAtMs = now;
    return mix(mix(base ^ Math.round(now * 1_000)) + drawn);
  });
}

/** The finalizer of MurmurHash3, for input other than 0. */
function mix(value: number): number {
  let hash = (value + 0x9e37_79b9) | 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
