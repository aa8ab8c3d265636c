/** Statistics of samples, and tables with the aim of each value. */

/** The sample below which the fraction `share` (0 to 1) of all samples is; NaN without samples. */
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

/** Collects samples at constant cost: a growing list is copied at times, which would show in latencies. */
export class Samples {
  static readonly #CHUNK = 8_192;
  readonly #chunks: Float64Array[] = [];
  #length = 0;

  push(sample: number): void {
    const at = this.#length++ % Samples.#CHUNK;
    if (at === 0) this.#chunks.push(new Float64Array(Samples.#CHUNK));
    this.#chunks.at(-1)![at] = sample;
  }

  /** All samples in ascending order; ends the collection. */
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

/** A value and its aim. */
export interface Aim {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Digits after the decimal point. */
  readonly digits: number;
  readonly limit: number;
  /** `most`: the value may not exceed the limit; `below`: it may not reach it. */
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

/** Prints a Markdown table; all columns but the first are aligned right. */
export function printTable(
  title: string,
  head: readonly string[],
  rows: readonly string[][],
): void {
  const widths = head.map((cell, i) =>
    Math.max(cell.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join(" | ")} |`;
  const rule = widths.map((width, i) =>
    i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`,
  );
  console.log(`\n${title}\n`);
  for (const row of [head, rule, ...rows]) console.log(line(row));
}
