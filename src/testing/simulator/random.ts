/** Random numbers that a seed decides: the same seed, the same run. */

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** A stream of numbers for `seed`; each `label` has its own, so that one more draw here moves nothing there. */
  constructor(seed: number, label = "") {
    let hash = 0x811c_9dc5 ^ seed;
    for (let i = 0; i < label.length; i++)
      hash = Math.imul(hash ^ label.charCodeAt(i), 0x0100_0193);
    this.#a = seed | 0;
    this.#b = hash | 0;
    this.#c = 0x9e37_79b9 | 0;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A whole number of 0 to 2^32 - 1 (sfc32, from PractRand). */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** In [0, 1). */
  readonly fraction = (): number => this.uint32() / 0x1_0000_0000;

  /** A whole number from `min` to `max`, both possible. */
  int(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of `values`, which has at least one. */
  pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.fraction() * values.length)]!;
  }

  /** `count` different ones of `values`, or all if there are not so many. */
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
