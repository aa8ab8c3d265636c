/**
 * `npm run gen:replay`: writes the replayed day as `src/flights/data/ord_2001_06_29.csv` and as
 * `gen/replay_ord_2001_06_29.ts`, from the npm package vega-datasets.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROJECT_ROOT, REPLAY_CSV_PATH, REPLAY_MODULE_PATH } from "./_paths.ts";
import { writeFileAtomically } from "./_write_file.ts";
import { readMovements, renderReplayCsv, renderReplayModule } from "./replay_day.ts";

/** The data set in node_modules; the package exports only its entry module. */
export function replaySourcePath(): string {
  return fileURLToPath(new URL("../data/flights-3m.parquet", import.meta.resolve("vega-datasets")));
}

if (import.meta.main) {
  const csv = renderReplayCsv(await readMovements(replaySourcePath()));
  writeFileAtomically(join(PROJECT_ROOT, REPLAY_CSV_PATH), csv);
  writeFileAtomically(join(PROJECT_ROOT, REPLAY_MODULE_PATH), renderReplayModule(csv));
  process.stdout.write(`Wrote ${REPLAY_CSV_PATH} and ${REPLAY_MODULE_PATH}\n`);
}
