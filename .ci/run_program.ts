/** Runs programs for the tests of the package. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs a program to its end, and returns what it wrote to `stream`. Throws with all its output if it fails. */
export function run(
  command: string,
  args: readonly string[],
  cwd: string,
  stream: "stdout" | "stderr" = "stdout",
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    encoding: "utf8",
    env: environment(),
  });
  if (status === 0) return stream === "stdout" ? stdout : stderr;
  const reason = error?.message ?? `exit code ${status}`;
  throw new Error(`Cannot run ${command} ${args.join(" ")}: ${reason}\n${stdout}\n${stderr}`);
}

/** Without the variables by which npm and Vitest, which run this process, configure other programs. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(npm_(config_local_prefix|package|lifecycle|command)|VITEST|NODE_(OPTIONS|ENV)$)/.test(
          name,
        ),
    ),
  );
}

/** The path of Node.js in this version, installed into a folder of the system's temporary folder, where it stays. */
export function installNode(version: string): string {
  const folder = join(tmpdir(), `tree-state-source-node-${version}`);
  const program = join(folder, "node_modules/node/bin/node");
  if (!existsSync(program)) {
    mkdirSync(folder, { recursive: true });
    const manifest = { private: true, allowScripts: { node: true } };
    writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
    run("npm", ["install", "--no-audit", "--no-fund", "--save-exact", `node@${version}`], folder);
  }
  return program;
}
