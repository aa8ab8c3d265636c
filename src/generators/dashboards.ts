/**
 * `npm run gen:dashboards`: writes `dashboards/`. With `--push` it sends the dashboards to the Grafana
 * at GRAFANA_URL as well, with the token GRAFANA_TOKEN.
 */

import { join } from "node:path";
import { PROJECT_ROOT } from "./_paths.ts";
import { writeFileAtomically } from "./_write_file.ts";
import { allDashboards, renderDashboardFiles } from "./dashboards/mod.ts";
import { GrafanaError, pushDashboards } from "./dashboards/push.ts";

const HELP = `npm run gen:dashboards [-- --push]

  --push   sends the dashboards to a running Grafana as well:
           GRAFANA_URL    such as http://127.0.0.1:3000
           GRAFANA_TOKEN  token of a service account that may edit dashboards`;

export interface DashboardsCommand {
  /** Folder to write to; the project by default. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly writeLine?: (line: string) => void;
  readonly writeErrorLine?: (line: string) => void;
}

/** Runs the command and resolves to its exit code: 0 done, 1 Grafana refused or is unreachable, 2 bad arguments. */
export async function generateDashboards(
  args: readonly string[],
  command: DashboardsCommand = {},
): Promise<0 | 1 | 2> {
  const { root = PROJECT_ROOT, env = process.env } = command;
  const writeLine = command.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
  const writeErrorLine = command.writeErrorLine ?? ((line) => process.stderr.write(`${line}\n`));
  if (args.includes("--help") || args.includes("-h")) {
    writeLine(HELP);
    return 0;
  }
  const unknown = args.find((arg) => arg !== "--push");
  if (unknown !== undefined) {
    writeErrorLine(`Cannot use argument "${unknown}": the only one is --push; --help says more`);
    return 2;
  }
  const files = renderDashboardFiles();
  for (const [path, text] of files) writeFileAtomically(join(root, path), text);
  writeLine(`Wrote ${files.size} files: ${[...files.keys()].join(", ")}`);
  if (!args.includes("--push")) return 0;

  const { GRAFANA_URL: url = "", GRAFANA_TOKEN: token = "" } = env;
  try {
    for (const { title, path } of await pushDashboards(allDashboards(), { url, token })) {
      writeLine(`Pushed "${title}": ${path}`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof GrafanaError)) throw error;
    writeErrorLine(error.message);
    return error.code === "unusable" ? 2 : 1;
  }
}

if (import.meta.main) process.exitCode = await generateDashboards(process.argv.slice(2));
