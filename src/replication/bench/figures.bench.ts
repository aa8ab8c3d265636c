/** Statistics of samples, and the sections of the bench's page. */

/** The sample below which `share` (0 to 1) of all lie; NaN without samples. */
export function quantile(samples: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(samples).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(samples: ArrayLike<number>): number {
  return quantile(samples, 0.5);
}

export function mean(samples: ArrayLike<number>): number {
  return Array.from(samples).reduce((sum, sample) => sum + sample, 0) / samples.length;
}

/** Collects samples at a constant cost: an array that grows is copied now and then, which latencies would show. */
export class Samples {
  static readonly #CHUNK = 8_192;
  readonly #chunks: Float64Array[] = [];
  #length = 0;

  push(sample: number): void {
    const at = this.#length++ % Samples.#CHUNK;
    if (at === 0) this.#chunks.push(new Float64Array(Samples.#CHUNK));
    this.#chunks.at(-1)![at] = sample;
  }

  /** Returns all samples, in order, and forgets them. */
  take(): Float64Array<ArrayBuffer> {
    const samples = new Float64Array(this.#length);
    this.#chunks.splice(0).forEach((chunk, i) => {
      const at = i * Samples.#CHUNK;
      samples.set(chunk.subarray(0, samples.length - at), at);
    });
    this.#length = 0;
    return samples;
  }
}

/** A value and its limit. */
export interface Aim {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Digits after the decimal point. */
  readonly digits: number;
  readonly limit: number;
  /** `most`: the value must not exceed the limit; `below`: it must not reach it. */
  readonly is: "most" | "below";
}

export function isMet({ value, limit, is }: Aim): boolean {
  return is === "most" ? value <= limit : value < limit;
}

export function aimRow(aim: Aim): string[] {
  const { what, value, unit, digits, limit, is } = aim;
  return [
    what,
    `${value.toFixed(digits)} ${unit}`,
    `${is === "most" ? "at most" : "below"} ${limit} ${unit}`,
    isMet(aim) ? "yes" : "NO",
  ];
}

/** A part of the bench: a section of its page, and its aims. */
export interface Part {
  readonly markdown: string;
  readonly aims?: readonly Aim[];
}

export function section(title: string, ...paragraphs: readonly string[]): string {
  return [`## ${title}`, ...paragraphs].join("\n\n");
}
