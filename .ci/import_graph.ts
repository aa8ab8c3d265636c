/** Who imports whom: reads the imports of source files, finds circles, and draws the result. */

import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

export interface Import {
  /** As written in the file. */
  readonly specifier: string;
  /** The imported file, relative to the same root as the importing file; undefined for packages. */
  readonly target: string | undefined;
  readonly isType: boolean;
}

/** Source text by path; paths are relative to one root, with forward slashes. */
export type Sources = ReadonlyMap<string, string>;

/** What each file or folder imports. */
export type Graph = ReadonlyMap<string, ReadonlySet<string>>;

const IMPORT =
  /^\s*(?:import|export)\s+(type\s)?[^"';]*?from\s*"([^"]+)"|^\s*import\s*"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** All TypeScript files below `root`, except tests and benches. */
export function readSources(root: string): Sources {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path.endsWith(".ts"))
    .filter((path) => !/\.(test|bench|types|e2e|faults|stack|smoke)\.ts$/.test(path));
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), "utf8")]));
}

/** The imports of one file, type imports included. */
export function importsOf(path: string, source: string): Import[] {
  return [...source.matchAll(IMPORT)].map((match) => {
    const specifier = match[2] ?? match[3] ?? match[4]!;
    const isRelative = specifier.startsWith(".");
    return {
      specifier,
      target: isRelative ? posix.join(posix.dirname(path), specifier) : undefined,
      isType: match[1] !== undefined,
    };
  });
}

/** Which files import which other files. */
export function fileGraph(sources: Sources): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [path, source] of sources) {
    const targets = importsOf(path, source).flatMap(({ target }) => target ?? []);
    graph.set(path, new Set(targets.filter((target) => sources.has(target))));
  }
  return graph;
}

/**
 * The graph of files without what each `mod.ts` imports from the rooms of its own folder: it only lists
 * what they export, and would put every room that uses a file of the folder into a circle of folders.
 */
export function withoutListings(files: Graph): Graph {
  const isListed = (path: string, target: string) =>
    path.endsWith("/mod.ts") && target.startsWith(`${posix.dirname(path)}/`);
  return new Map(
    [...files].map(([path, targets]) => [
      path,
      new Set([...targets].filter((target) => !isListed(path, target))),
    ]),
  );
}

/** Which folders import which other folders. */
export function folderGraph(files: Graph, folderOf: (path: string) => string): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [path, targets] of files) {
    const folder = folderOf(path);
    const imported = graph.get(folder) ?? new Set();
    graph.set(folder, imported);
    for (const target of targets) if (folderOf(target) !== folder) imported.add(folderOf(target));
  }
  return graph;
}

/** The shortest circle through each file or folder, each circle once, as `a.ts → b.ts → a.ts`. */
export function findCircles(graph: Graph): string[] {
  const circles = new Map<string, string>();
  for (const start of graph.keys()) {
    const circle = shortestCircle(graph, start);
    if (circle === undefined) continue;
    const members = circle.toSorted().join();
    if (!circles.has(members)) circles.set(members, [...circle, start].join(" → "));
  }
  return [...circles.values()];
}

/** Breadth first: the members of the shortest circle through `start`, from `start` on. */
function shortestCircle(graph: Graph, start: string): string[] | undefined {
  const importer = new Map<string, string>();
  const queue = [start];
  for (const current of queue) {
    for (const target of graph.get(current) ?? []) {
      if (target === start) return pathBack(importer, start, current);
      if (importer.has(target)) continue;
      importer.set(target, current);
      queue.push(target);
    }
  }
  return undefined;
}

function pathBack(importer: ReadonlyMap<string, string>, start: string, last: string): string[] {
  const path = [last];
  while (path[0] !== start) path.unshift(importer.get(path[0]!)!);
  return path;
}

/** A Mermaid flowchart of a graph, importers above what they import. */
export function drawGraph(graph: Graph): string {
  const edges = [...graph].flatMap(([from, targets]) =>
    [...targets].map((to) => `  ${drawNode(from)} --> ${drawNode(to)}`),
  );
  return ["flowchart TD", ...edges.sort()].join("\n");
}

/** The "n_" keeps folder names apart from Mermaid's keywords. */
function drawNode(name: string): string {
  return `n_${name.replaceAll(/\W/g, "_")}["${name}"]`;
}
