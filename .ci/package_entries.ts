/** What package.json says that users get: entries to import, and commands. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const PROJECT_ROOT = fileURLToPath(new URL("../", import.meta.url));

/** A target of `exports`: a file, or one per condition. */
export type Target = string | { readonly [condition: string]: Target };

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, Target>>;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly engines: { readonly node: string };
}

export function readManifest(): Manifest {
  return JSON.parse(readFileSync(`${PROJECT_ROOT}package.json`, "utf8")) as Manifest;
}

/** Names of the entries as a program imports them, such as `tree-state-source/machine`. */
export function entryNames({ name, exports }: Manifest): string[] {
  return Object.keys(exports)
    .filter((entry) => !entry.endsWith(".json"))
    .map((entry) => entry.replace(/^\./, name));
}

/** All files that package.json promises, as paths from its folder: of entries and of commands. */
export function promisedFiles({ exports, bin }: Manifest): string[] {
  return [...Object.values(exports).flatMap(filesOf), ...Object.values(bin)].map((path) =>
    path.replace(/^\.\//, ""),
  );
}

function filesOf(target: Target): string[] {
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}

/** The source of a built JavaScript file: `dist/src/machine/mod.js` is built from `src/machine/mod.ts`. */
export function sourceOf(builtFile: string): string {
  return builtFile.replace(/^dist\//, "").replace(/\.js$/, ".ts");
}
