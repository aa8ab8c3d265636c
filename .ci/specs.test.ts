/** Checks that the tests which the SPEC.md of a folder names exist: `file.test.ts`: "title", "title"; … */

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" });
const SPECS = FILES.filter((path) => basename(path) === "SPEC.md");

/** Tables in which every row names a test. */
const TESTED_TABLES = /^(Invariants|Checklist)$/;

/** The path of a test file that is named from `folder`: relative to it, or by a name that is unique below it. */
function findTestFile(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  if (FILES.includes(path)) return path;
  const below = FILES.filter((file) => file.startsWith(`${folder}/`) && basename(file) === name);
  return below.length === 1 ? below[0] : undefined;
}

/** What a line of a SPEC in `folder` names that does not exist. */
function findMissing(folder: string, line: string): string[] {
  const mentions = line.matchAll(/`([\w./-]+\.test\.ts)`(?:: ((?:"[^"]*"(?:, )?)+))?/g);
  return [...mentions].flatMap(([, file, titles = ""]) => {
    const found = findTestFile(folder, file!);
    if (found === undefined) return [file!];
    const source = readFileSync(join(SRC, found), "utf8");
    return [...titles.matchAll(/"[^"]*"/g)]
      .filter(([title]) => !source.includes(title))
      .map(([title]) => `${file}: ${title}`);
  });
}

/** Rows of the tested tables that name no test. */
function findUntested(spec: string): string[] {
  return spec.split("\n## ").flatMap((section) => {
    const [heading, ...lines] = section.split("\n");
    if (!TESTED_TABLES.test(heading!)) return [];
    const rows = lines.filter((line) => line.startsWith("| ")).slice(2);
    if (rows.length === 0) return [`no table under "${heading}"`];
    return rows.filter((row) => !row.includes(".test.ts`"));
  });
}

describe("SPEC.md", () => {
  it.each(SPECS)("of %s names tests that exist, one for each row of its checklist", (path) => {
    const spec = readFileSync(join(SRC, path), "utf8");
    expect(spec.split("\n").flatMap((line) => findMissing(dirname(path), line))).toEqual([]);
    expect(findUntested(spec)).toEqual([]);
    expect(TESTED_TABLES.test(spec.match(/^## (Invariants|Checklist)$/m)?.[1] ?? "")).toBe(true);
  });
});
