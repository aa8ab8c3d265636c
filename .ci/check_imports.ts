/**
 * Checks who imports whom in src/: the table below is the project's dependency rule, and across
 * folders only a folder's `mod.ts` (or another listed entry) may be imported.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

interface Rule {
  /** Folders of src/ whose entries may be imported. */
  readonly folders: readonly string[];
  /** As `folders`, but by `import type` only. */
  readonly typeFolders?: readonly string[];
  /** Prefixes of bare specifiers (packages, `node:`) that may be imported. */
  readonly packages: readonly string[];
  /** Whether generated code in gen/ may be imported. */
  readonly gen?: boolean;
}

const BELOW_TREE = [
  "machine",
  "replication",
  "replica_machine",
  "flights",
  "http",
  "telemetry",
  "runtime",
  "inspector",
];

/** The dependency rule, folder by folder. */
export const RULES: Readonly<Record<string, Rule>> = {
  machine: { folders: [], packages: [] },
  replication: { folders: ["machine"], packages: ["protobufjs"], gen: true },
  replica_machine: { folders: ["machine", "replication"], packages: [] },
  flights: { folders: ["machine"], packages: [], gen: true },
  generators: {
    folders: ["machine", "telemetry/semconv.ts"],
    packages: ["node:", "protobufjs-cli", "hyparquet", "@grafana/grafana-foundation-sdk", "yaml"],
  },
  inspector: { folders: ["machine", "replication"], packages: [] },
  telemetry: {
    folders: ["machine", "replication", "replica_machine"],
    typeFolders: ["http"],
    packages: ["@opentelemetry/api"],
  },
  ...Object.fromEntries(
    ["setup", "_otlp_signals", "_prometheus_text"].map((file) => [
      `telemetry/${file}.ts`,
      { folders: ["machine", "replication"], packages: ["@opentelemetry/"] },
    ]),
  ),
  http: { folders: ["machine", "flights", "replication"], packages: ["hono"] },
  runtime: {
    folders: [],
    typeFolders: ["replication", "telemetry"],
    packages: ["node:", "@hono/node-server"],
  },
  tree: { folders: BELOW_TREE, packages: ["hono"], gen: true },
  cli: {
    folders: ["tree", "inspector", "generators", "runtime", "machine", "telemetry/setup.ts"],
    packages: ["node:"],
  },
};

/** Files that may be imported from outside their folder, besides `mod.ts`; a runtime's files are entries by nature. */
const ENTRIES = ["telemetry/setup.ts", "telemetry/semconv.ts"];

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?[^"';]*?from\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** The broken rules of one file, as readable lines. `path` is relative to src/, with forward slashes. */
export function checkImports(path: string, source: string): string[] {
  const folder = path.split("/")[0]!;
  const rule = RULES[path] ?? RULES[folder];
  if (rule === undefined) return [`${path}: folder "${folder}" is not in the import table`];
  const problems: string[] = [];
  for (const match of source.matchAll(IMPORT)) {
    const specifier = match[2] ?? match[3] ?? match[4]!;
    const isType = match[1] !== undefined;
    const problem = specifier.startsWith(".")
      ? checkRelative(path, folder, rule, specifier, isType)
      : rule.packages.some((allowed) => specifier.startsWith(allowed))
        ? undefined
        : `package "${specifier}" is not allowed in ${folder}`;
    if (problem !== undefined) problems.push(`${path}: ${problem}`);
  }
  return problems;
}

function checkRelative(
  path: string,
  folder: string,
  rule: Rule,
  specifier: string,
  isType: boolean,
): string | undefined {
  const target = join(dirname(path), specifier).replaceAll("\\", "/");
  if (target.startsWith("../gen/")) {
    return rule.gen ? undefined : `gen/ is not allowed in ${folder}`;
  }
  if (target.startsWith("..")) return `"${specifier}" leaves src/`;
  const targetFolder = target.split("/")[0]!;
  if (targetFolder === folder) return undefined;
  const allowed = [...rule.folders, ...(isType ? (rule.typeFolders ?? []) : [])];
  if (!allowed.includes(targetFolder) && !allowed.includes(target)) {
    return `${folder} may not import ${targetFolder} ("${specifier}")`;
  }
  const isEntry =
    target === `${targetFolder}/mod.ts` || ENTRIES.includes(target) || targetFolder === "runtime";
  return isEntry ? undefined : `"${specifier}": import ${targetFolder}/mod.ts instead`;
}

/** Checks every source file below `root`; tests, benchmarks, examples and src/testing are free to import anything. */
export function checkTree(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.ts$/.test(path) && !/\.(test|bench|types)\.ts$/.test(path))
    .filter((path) => !path.startsWith("testing/") && !path.includes("/examples/"))
    .flatMap((path) => checkImports(path, readFileSync(join(root, path), "utf8")));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), "../src");
  const problems = checkTree(root);
  for (const problem of problems) console.error(problem);
  console.log(
    `${problems.length === 0 ? "Imports obey" : "Imports break"} the table of ${relative(process.cwd(), fileURLToPath(import.meta.url))}`,
  );
  process.exitCode = problems.length === 0 ? 0 : 1;
}
