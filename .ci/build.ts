/**
 * `npm run build`: makes `dist/`, the code of the package: what the entries and commands in package.json
 * import, as ES modules with declarations and source maps.
 */

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { PROJECT_ROOT, promisedFiles, readManifest } from "./package_entries.ts";

/** Generated JavaScript with declarations of its own: the compiler neither reads nor copies it. */
const COPIED = ["gen/statesource.js", "gen/statesource.d.ts"];

const inRoot = (path: string) => `${PROJECT_ROOT}${path}`;

rmSync(inRoot("dist"), { recursive: true, force: true });
const { status } = spawnSync(
  process.execPath,
  [inRoot("node_modules/typescript/bin/tsc"), "-p", inRoot("tsconfig.build.json")],
  { stdio: "inherit" },
);
if (status !== 0) process.exit(1);
for (const path of readdirSync(inRoot("dist"), { recursive: true, encoding: "utf8" })) {
  if (path.endsWith(".d.ts")) referToLib(inRoot(`dist/${path}`));
}
for (const path of COPIED) copyFileSync(inRoot(path), inRoot(`dist/${path}`));

const manifest = readManifest();
const missing = promisedFiles(manifest).filter((path) => !existsSync(inRoot(path)));
for (const path of missing) {
  console.error(`Cannot build: package.json names ${path}, which was not built`);
}
if (missing.length > 0) process.exit(1);
for (const path of Object.values(manifest.bin)) chmodSync(inRoot(path), 0o755);

/**
 * Lets declarations of disposable objects compile in projects whose `lib` has none, as is the default. Sources cannot
 * have this line: JSR refuses it.
 */
function referToLib(path: string): void {
  const text = readFileSync(path, "utf8");
  if (!/\bSymbol\.(asyncDispose|dispose)\b|\b(Async)?Disposable\b/.test(text)) return;
  writeFileSync(path, `/// <reference lib="esnext.disposable" />\n${text}`);
}
