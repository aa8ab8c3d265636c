import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  entryNames,
  PROJECT_ROOT,
  promisedFiles,
  readManifest,
  sourceOf,
  type Target,
} from "./package_entries.ts";

const manifest = readManifest();

describe("package.json", () => {
  it("names entries and commands whose sources exist", () => {
    const sources = promisedFiles(manifest)
      .filter((path) => path.endsWith(".js"))
      .map(sourceOf);
    expect(sources.filter((path) => !existsSync(PROJECT_ROOT + path))).toEqual([]);
  });

  it("names declarations beside each module", () => {
    const files = promisedFiles(manifest).filter((path) => path.startsWith("dist/"));
    const commands = Object.values(manifest.bin);
    const modules = files.filter((path) => path.endsWith(".js") && !commands.includes(path));
    expect(files.filter((path) => path.endsWith(".d.ts")).sort()).toEqual(
      modules.map((path) => path.replace(/\.js$/, ".d.ts")).sort(),
    );
  });

  it("has the entries that users rely on", () => {
    expect(entryNames(manifest)).toEqual(
      expect.arrayContaining(
        ["machine", "replication", "http", "telemetry", "client", "node", "flights"].map(
          (entry) => `tree-state-source/${entry}`,
        ),
      ),
    );
  });
});

describe("jsr.json", () => {
  const jsr = JSON.parse(readFileSync(`${PROJECT_ROOT}jsr.json`, "utf8"));

  it("has the version of package.json", () => {
    expect(jsr.version).toBe(manifest.version);
  });

  it("has the entries of package.json, as sources, and one for each condition", () => {
    const sources = Object.entries(manifest.exports)
      .filter(([entry]) => !entry.endsWith(".json"))
      .flatMap(([entry, target]) => sourcesOf(entry, target));
    expect(jsr.exports).toEqual(Object.fromEntries(sources));
  });
});

/** The entries that stand for one of package.json: JSR has no conditions. */
function sourcesOf(entry: string, target: Target): (readonly [string, string])[] {
  if (typeof target === "string") return [[entry, `./${sourceOf(target.replace("./", ""))}`]];
  return Object.entries(target)
    .filter(([condition]) => condition !== "types")
    .flatMap(([condition, inner]) =>
      sourcesOf(condition === "default" ? entry : `./${condition}`, inner),
    );
}

describe("tsconfig.build.json", () => {
  it("builds what package.json names", () => {
    const { files } = JSON.parse(readFileSync(`${PROJECT_ROOT}tsconfig.build.json`, "utf8"));
    const sources = promisedFiles(manifest)
      .filter((path) => path.endsWith(".js"))
      .map(sourceOf);
    expect([...files].sort()).toEqual([...new Set(sources)].sort());
  });
});
