import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { findOutdatedFiles } from "./check.ts";

const EXPECTED = [
  { path: "gen/a.ts", text: "one\ntwo\n", script: "gen:states" },
  { path: "gen/b.js", text: "three\n", script: "gen:protos" },
];

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "check-"));
  mkdirSync(join(root, "gen"));
  for (const { path, text } of EXPECTED) writeFileSync(join(root, path), text);
});

afterEach(() => rmSync(root, { recursive: true }));

describe("findOutdatedFiles()", () => {
  it("finds nothing when all files are up to date", () => {
    expect(findOutdatedFiles(root, EXPECTED)).toEqual([]);
  });

  it("names each file that differs, its first wrong line, and the script that writes it", () => {
    writeFileSync(join(root, "gen/a.ts"), "one\n2\n");
    writeFileSync(join(root, "gen/b.js"), "three\nfour\n");
    expect(findOutdatedFiles(root, EXPECTED)).toEqual([
      "gen/a.ts differs from line 2 on; npm run gen:states writes it",
      "gen/b.js differs from line 2 on; npm run gen:protos writes it",
    ]);
  });

  it("names a file whose end is missing, and a missing file", () => {
    writeFileSync(join(root, "gen/a.ts"), "one\ntwo");
    rmSync(join(root, "gen/b.js"));
    expect(findOutdatedFiles(root, EXPECTED)).toEqual([
      "gen/a.ts differs from line 3 on; npm run gen:states writes it",
      "gen/b.js is missing; npm run gen:protos writes it",
    ]);
  });
});
