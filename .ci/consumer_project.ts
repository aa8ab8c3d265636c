/** A new project that has installed the packed package, with the programs of `consumer/`. */

import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { entryNames, type Manifest, PROJECT_ROOT } from "./package_entries.ts";
import { run } from "./run_program.ts";

/** Programs in `consumer/`, and what each prints. */
export const CONSUMER_PROGRAMS = [
  { name: "machine", output: /^opened\nexecuted\n\(Open:1\)\n$/ },
  { name: "ten_lines", output: /^executed true true true\n$/ },
  { name: "client", output: /^executed true function\n$/ },
] as const;

/** A TypeScript that is written in JavaScript, which many projects still use, and its folder in `node_modules`. */
export const OLDER_TYPESCRIPT = "5.9.3";
export const OLDER_TYPESCRIPT_FOLDER = "older-typescript";

export interface ConsumerProject {
  readonly folder: string;
  /** Names of its TypeScript files. */
  readonly sources: readonly string[];
  /** Paths of the files in the package. */
  readonly packed: readonly string[];
  readonly packedBytes: number;
}

interface PackReport {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string }[];
}

/** Builds and packs the package, and installs it in `parent`, in a folder with a space in its name. */
export function createConsumerProject(parent: string, manifest: Manifest): ConsumerProject {
  run("npm", ["run", "build"], PROJECT_ROOT);
  const packing = ["pack", "--ignore-scripts", "--json", "--pack-destination", parent];
  const [report] = JSON.parse(run("npm", packing, PROJECT_ROOT)) as [PackReport];

  const folder = join(parent, "a project");
  cpSync(join(PROJECT_ROOT, ".ci/consumer"), folder, { recursive: true });
  writeFileSync(join(folder, "every_entry.ts"), everyEntry(manifest));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  const packages = [
    join(parent, report.filename),
    `typescript@${manifest.devDependencies.typescript}`,
    `@types/node@${manifest.devDependencies["@types/node"]}`,
    `${OLDER_TYPESCRIPT_FOLDER}@npm:typescript@${OLDER_TYPESCRIPT}`,
  ];
  run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...packages], folder);
  return {
    folder,
    sources: readdirSync(folder).filter((name) => name.endsWith(".ts")),
    packed: report.files.map(({ path }) => path),
    packedBytes: report.size,
  };
}

/** A module that imports all entries, and prints their names. */
function everyEntry(manifest: Manifest): string {
  return entryNames(manifest)
    .map((entry, i) => {
      const check = `if (Object.keys(e${i}).length === 0) throw new Error("no exports");`;
      return `import * as e${i} from "${entry}";\n${check}\nconsole.log("${entry}");\n`;
    })
    .join("");
}
