/** Keeps the checklist of SPEC.md true: the tests that it names are there. */

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");

/** Each test that a row of the checklist names: its file and its title. */
function listedTests(): { rule: string; tests: [file: string, title: string][] }[] {
  const checklist = read("./SPEC.md").split("## Checklist")[1]!;
  const rows = checklist
    .split("\n")
    .filter((line) => /^\| [^-]/.test(line) && !/^\| rule/.test(line));
  return rows.map((row) => {
    const [, rule = "", cell = ""] = /^\| (.*?) \| (.*) \|$/.exec(row) ?? [];
    const tests = cell.split(/; (?=`)/).flatMap((part): [string, string][] => {
      const [, file = "", titles = ""] = /^`([\w.]+\.test\.ts)`: (.*)$/.exec(part) ?? [];
      return [...titles.matchAll(/"([^"]+)"/g)].map(([, title]) => [file, title!]);
    });
    return { rule, tests };
  });
}

describe("SPEC.md", () => {
  it("names tests that exist, at least one for each rule", () => {
    const rows = listedTests();
    expect(rows.length).toBeGreaterThan(40);
    const missing = rows.flatMap(({ rule, tests }) =>
      tests.length === 0
        ? [`no test for: ${rule}`]
        : tests
            .filter(([file, title]) => !read(`./${file}`).includes(`("${title}", `))
            .map(([file, title]) => `${file}: ${title}`),
    );
    expect(missing).toEqual([]);
  });
});
