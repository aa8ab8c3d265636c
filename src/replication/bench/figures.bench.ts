/** Numbers out of samples, and tables with the aim beside each value. */

/** The sample below which `share` (0 to 1) of all lie; NaN of none. */
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

/** A value and what it is held against. */
export interface Aim {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Digits after the point. */
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
