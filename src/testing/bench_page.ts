/** The BENCH.md of a folder: a bench prints it, and writes it when called with `--write`. */

import { writeFileSync } from "node:fs";
import { cpus } from "node:os";

/** The runtime and CPU that a bench ran on, for its page: `Node.js 24.21.0, 2 x AMD EPYC`. */
export function describeHost(): string {
  const cores = cpus();
  return `Node.js ${process.versions.node}, ${cores.length} x ${cores[0]?.model ?? "unknown CPU"}`;
}

/** A Markdown table; columns after the first are aligned to the right. */
export function toTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const rule = header.map((_, column) => (column === 0 ? "---" : "--:"));
  return [header, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Prints the page; with `--write` among the program's arguments also writes it to `url`. */
export function publishPage(url: URL, markdown: string): void {
  const page = `${markdown.trim()}\n`;
  console.log(page);
  if (process.argv.includes("--write")) writeFileSync(url, page);
}
