/**
 * Checks who imports whom in src/: the table below is the project's dependency rule, and across
 * folders only a folder's `mod.ts` (or another listed entry) may be imported. No files or folders may
 * import each other in a circle; type imports count.
 *
 * `--draw` prints the folders as a Mermaid flowchart as well.
 */
import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  drawGraph,
  fileGraph,
  findCircles,
  folderGraph,
  type Import,
  importsOf,
  readSources,
  type Sources,
  withoutListings,
} from "./import_graph.ts";

interface Rule {
  /** Folders or files of src/ that may be imported. */
  readonly folders: readonly string[];
  /** As `folders`, but by `import type` only. */
  readonly typeFolders?: readonly string[];
  /** Prefixes of bare specifiers (packages, `node:`) that may be imported. */
  readonly packages: readonly string[];
  /** Whether generated code in gen/ may be imported. */
  readonly gen?: boolean;
}

/**
 * The dependency rule: a path relative to src/ and what files there may import. The longest path
 * that fits a file counts, so `replication/wire` is a room of `replication` with its own rule.
 */
export const RULES: Readonly<Record<string, Rule>> = {
  machine: { folders: [], packages: [] },
  replication: {
    folders: [
      "machine",
      "replication/clock",
      "replication/wire",
      "replication/down",
      "replication/up",
    ],
    packages: [],
  },
  "replication/clock": { folders: ["machine"], packages: [] },
  "replication/wire": {
    folders: ["machine", "replication/clock"],
    packages: ["protobufjs"],
    gen: true,
  },
  "replication/down": {
    folders: ["machine", "replication/clock", "replication/wire"],
    packages: [],
  },
  "replication/up": {
    folders: ["machine", "replication/clock", "replication/wire"],
    packages: [],
  },
  replica_machine: { folders: ["machine", "replication"], packages: [] },
  client: { folders: ["machine", "replication", "replica_machine"], packages: [] },
  flights: { folders: ["machine"], packages: [], gen: true },
  generators: {
    folders: ["machine", "telemetry/semconv.ts"],
    packages: ["node:", "protobufjs-cli", "hyparquet", "@grafana/grafana-foundation-sdk", "yaml"],
  },
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
  http: { folders: ["machine", "replication"], packages: ["hono"] },
  runtime: {
    folders: [],
    typeFolders: ["replication", "telemetry"],
    packages: ["node:", "@hono/node-server"],
  },
  tree: {
    folders: ["machine", "replication", "replica_machine", "http", "telemetry", "runtime"],
    packages: ["hono"],
  },
  node: {
    folders: ["machine", "client", "tree", "runtime", "telemetry/setup.ts"],
    typeFolders: ["replication", "telemetry"],
    packages: [],
  },
  cli: {
    folders: ["tree", "runtime", "machine", "flights", "telemetry"],
    typeFolders: ["replication"],
    packages: ["node:"],
  },
};

/** Files that may be imported from outside their folder, besides `mod.ts` and the files in `runtime`. */
export const ENTRIES = [
  "telemetry/setup.ts",
  "telemetry/semconv.ts",
  ...["node", "deno", "bun"].map((runtime) => `node/${runtime}.ts`),
];

/** The longest of `keys` that is `path` or a folder above it. */
function longestKey(path: string, keys: readonly string[]): string | undefined {
  return keys
    .filter((key) => path === key || path.startsWith(`${key}/`))
    .sort((a, b) => b.length - a.length)[0];
}

const FOLDERS = Object.keys(RULES).filter((key) => !key.endsWith(".ts"));

/** The folder of the import table that a file belongs to; its own folder where the table has none. */
function roomOf(path: string): string {
  return longestKey(path, FOLDERS) ?? dirname(path);
}

/** The broken rules of one file, as readable lines. `path` is relative to src/, with forward slashes. */
export function checkImports(path: string, source: string): string[] {
  const key = longestKey(path, Object.keys(RULES));
  if (key === undefined) return [`${path}: folder "${roomOf(path)}" is not in the import table`];
  return importsOf(path, source)
    .map((imported) => checkImport(roomOf(path), RULES[key]!, imported))
    .filter((problem) => problem !== undefined)
    .map((problem) => `${path}: ${problem}`);
}

function checkImport(room: string, rule: Rule, imported: Import): string | undefined {
  const { specifier, target, isType } = imported;
  if (target === undefined) {
    const isAllowed = rule.packages.some((allowed) => specifier.startsWith(allowed));
    return isAllowed ? undefined : `package "${specifier}" is not allowed in ${room}`;
  }
  if (target.startsWith("../gen/")) {
    return rule.gen ? undefined : `gen/ is not allowed in ${room}`;
  }
  if (target.startsWith("..")) return `"${specifier}" leaves src/`;
  const targetRoom = roomOf(target);
  if (targetRoom === room) return undefined;
  // From outside, a folder with rooms is one folder.
  const top = target.split("/")[0]!;
  const isInside = top === room.split("/")[0];
  const folder = isInside ? targetRoom : top;
  const allowed = [...rule.folders, ...(isType ? (rule.typeFolders ?? []) : [])];
  if (!allowed.includes(folder) && !allowed.includes(target)) {
    return `${room} may not import ${folder} ("${specifier}")`;
  }
  const isEntry = isInside || top === "runtime" || [`${top}/mod.ts`, ...ENTRIES].includes(target);
  return isEntry ? undefined : `"${specifier}": import ${top}/mod.ts instead`;
}

/** Names in the table that are neither a folder nor a file of src/. */
export function checkTable(paths: Iterable<string>, rules = RULES): string[] {
  const known = [...paths];
  const named = Object.entries(rules).flatMap(([key, { folders, typeFolders = [] }]) => [
    key,
    ...folders,
    ...typeFolders,
  ]);
  return [...new Set([...named, ...ENTRIES])]
    .filter((name) => !known.some((path) => path === name || path.startsWith(`${name}/`)))
    .map((name) => `the import table names "${name}", which does not exist`);
}

/** Circles of imports, of files and of folders, as readable lines. */
export function checkCircles(sources: Sources): string[] {
  const files = fileGraph(sources);
  const folders = folderGraph(withoutListings(files), dirname);
  return [
    ...findCircles(files).map((circle) => `circle of files: ${circle}`),
    ...findCircles(folders).map((circle) => `circle of folders: ${circle}`),
  ];
}

/** Examples and src/testing may import anything. */
function hasRule(path: string): boolean {
  return !path.startsWith("testing/") && !path.includes("/examples/");
}

if (import.meta.main) {
  const sources = readSources(resolve(import.meta.dirname, "../src"));
  const ruled: Sources = new Map([...sources].filter(([path]) => hasRule(path)));
  const problems = [
    ...checkTable(sources.keys()),
    ...[...ruled].flatMap(([path, source]) => checkImports(path, source)),
    ...checkCircles(sources),
  ];
  for (const problem of problems) console.error(problem);
  if (process.argv.includes("--draw")) {
    console.log(drawGraph(folderGraph(fileGraph(ruled), roomOf)));
  } else {
    const table = relative(process.cwd(), fileURLToPath(import.meta.url));
    console.log(`${problems.length === 0 ? "Imports obey" : "Imports break"} ${table}`);
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}
