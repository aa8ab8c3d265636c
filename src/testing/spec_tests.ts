/** Checks the tests that a SPEC.md names in the last column of a table: `file.test.ts`: "title", "title"; … */

import { readFileSync } from "node:fs";

/** Names the rows without a test, and the tests that do not exist, of the table under `## heading`. */
export function missingTests(spec: URL, heading: string): string[] {
  const read = (name: string | URL) => readFileSync(new URL(name, spec), "utf8");
  const [section = ""] = read(spec).split(`## ${heading}\n`).slice(1);
  const rows = section
    .split("\n## ")[0]!
    .split("\n")
    .filter((line) => line.startsWith("| "));
  if (rows.length < 3) return [`no table under "${heading}"`];
  return rows.slice(2).flatMap((row) => {
    const files = [...row.matchAll(/`([\w./]+\.test\.ts)`: ("[^`|]*")/g)];
    if (files.length === 0) return [`no test in: ${row}`];
    return files.flatMap(([, file, titles]) =>
      titles!
        .split(/(?<="), (?=")/)
        .filter((title) => !read(file!).includes(`(${title}, `))
        .map((title) => `${file}: ${title}`),
    );
  });
}
