/** Checks what the SPEC.md of each folder says about tests: the test files and test names that it mentions exist. */

import { readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("..", import.meta.url));
const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" });

/** A test file by its path from `folder` or from `src`, or by its name if that is unique below one of them. */
function findTestFile(folder: string, name: string): string | undefined {
  const byPath = FILES.find((path) => path === join(folder, name) || path === name);
  const byName = FILES.filter((path) => basename(path) === name);
  const below = byName.filter((path) => path.startsWith(`${folder}/`));
  return byPath ?? [below, byName].find(({ length }) => length === 1)?.[0];
}

/**
 * The test files that a SPEC mentions, each with the names of tests that follow after a colon: in quotes, or
 * separated by semicolons, where a name may be the beginning or a part of the whole and `…` ends it early.
 */
function listMentions(spec: string): { file: string; titles: string[] }[] {
  const cells = spec.split("\n").flatMap((line) => line.split(" |"));
  return cells.flatMap((cell) => {
    const [, ...parts] = cell.split(/`([\w./-]+\.test\.ts)`/);
    return parts.flatMap((file, i) => {
      if (i % 2 === 1) return [];
      const names = /^: (.*)$/.exec(parts[i + 1]!)?.[1] ?? "";
      const quoted = [...names.matchAll(/"[^"]+"/g)].map(([title]) => title);
      const plain = names.split("; ").map((title) => title.replace(/(….*|[;,. ]+)$/, "").trim());
      return { file, titles: quoted.length > 0 ? quoted : plain };
    });
  });
}

/** Rows of the checklist that mention no test. */
function listUntested(spec: string): string[] {
  const checklist = spec.split("\n## Checklist\n")[1] ?? "";
  const rows = checklist.split("\n").filter((line) => /^\| [^-]/.test(line));
  return rows
    .slice(1)
    .filter((row) => listMentions(row).every(({ titles }) => titles.length === 0));
}

describe("SPEC.md", () => {
  it.each(FILES.filter((path) => basename(path) === "SPEC.md"))(
    "of %s mentions tests that exist",
    (path) => {
      const spec = readFileSync(join(SRC, path), "utf8");
      const mentions = listMentions(spec);
      expect(mentions.length).toBeGreaterThan(0);
      const missing = mentions.flatMap(({ file, titles }) => {
        const found = findTestFile(dirname(path), file);
        if (found === undefined) return [file];
        const source = readFileSync(join(SRC, found), "utf8");
        return titles
          .filter((title) => !source.includes(title))
          .map((title) => `${file}: ${title}`);
      });
      expect(missing).toEqual([]);
      expect(listUntested(spec)).toEqual([]);
    },
  );
});
