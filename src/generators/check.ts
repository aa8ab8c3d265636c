/**
 * `npm run gen:check`: generates every file in memory and names each that differs from the committed
 * one, so that gen/ can neither be edited by hand nor lag behind its sources.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  CLIENT_CODE_FOLDER,
  FLIGHT_STATES_PATH,
  PROJECT_ROOT,
  PROTO_FOLDER,
  REPLAY_CSV_PATH,
  REPLAY_MODULE_PATH,
  WIRE_MODULE_PATH,
  WIRE_TYPES_PATH,
} from "./_paths.ts";
import { generateClientCode } from "./client_code.ts";
import { renderDashboardFiles } from "./dashboards/mod.ts";
import { renderFlightStates } from "./flight_states_file.ts";
import { buildFlightsSchema } from "./flights_schema.ts";
import { replaySourcePath } from "./replay.ts";
import { readMovements, renderReplayCsv, renderReplayModule } from "./replay_day.ts";
import { generateWireCode } from "./wire_code.ts";

/** The expected text of a file, and the script that writes it. */
export interface ExpectedFile {
  /** From the project's root. */
  readonly path: string;
  readonly text: string;
  readonly script: string;
}

/** Generates all files in memory; the flight states with the default counts. */
export async function makeExpectedFiles(): Promise<ExpectedFile[]> {
  const protoFolder = join(PROJECT_ROOT, PROTO_FOLDER);
  const wire = await generateWireCode(protoFolder);
  const clientCode = await generateClientCode(protoFolder);
  const csv = renderReplayCsv(await readMovements(replaySourcePath()));
  return [
    {
      path: FLIGHT_STATES_PATH,
      text: renderFlightStates(buildFlightsSchema()),
      script: "gen:states",
    },
    { path: WIRE_MODULE_PATH, text: wire.module, script: "gen:protos" },
    { path: WIRE_TYPES_PATH, text: wire.types, script: "gen:protos" },
    ...Array.from(clientCode, ([path, text]) => ({
      path: `${CLIENT_CODE_FOLDER}/${path}`,
      text,
      script: "gen:protos",
    })),
    { path: REPLAY_CSV_PATH, text: csv, script: "gen:replay" },
    { path: REPLAY_MODULE_PATH, text: renderReplayModule(csv), script: "gen:replay" },
    ...[...renderDashboardFiles()].map(([path, text]) => ({
      path,
      text,
      script: "gen:dashboards",
    })),
  ];
}

/** One line for each file below `root` that is missing or differs; empty when all are up to date. */
export function findOutdatedFiles(root: string, expected: readonly ExpectedFile[]): string[] {
  return expected.flatMap(({ path, text, script }) => {
    const found = readIfThere(join(root, path));
    if (found === text) return [];
    const state = found === undefined ? "is missing" : describeDifference(found, text);
    return [`${path} ${state}; npm run ${script} writes it`];
  });
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function describeDifference(found: string, expected: string): string {
  const lines = expected.split("\n");
  const line = found.split("\n").findIndex((text, index) => text !== lines[index]);
  return `differs from line ${line === -1 ? lines.length : line + 1} on`;
}

/** Runs the command and resolves to its exit code: 0 all up to date, 1 some outdated, 2 invalid protos. */
async function check(): Promise<number> {
  try {
    const expected = await makeExpectedFiles();
    const outdated = findOutdatedFiles(PROJECT_ROOT, expected);
    for (const line of outdated) process.stderr.write(`${line}\n`);
    if (outdated.length > 0) return 1;
    process.stdout.write(`${expected.length} generated files are up to date\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

if (import.meta.main) process.exitCode = await check();
