/**
 * Searches for scenarios in which replication fails, as many as you like:
 * `SIM_SCENARIOS=50000 npm run simulate`. At the first one, prints a transcript and exits with 1.
 */

import { search } from "./search.ts";
import { readSettings } from "./settings.ts";

const settings = readSettings(process.env, 10_000);
const startedAtMs = performance.now();
console.log(`${settings.scenarios} scenarios from SIM_SEED=${settings.seed}`);
const { scenarios, counts, found, slowestConvergence } = await search({
  ...settings,
  onProgress(done) {
    if (done % 1_000 === 0) console.log(`${done} scenarios, ${seconds()} s`);
  },
});
console.log(`${counts}`);
if (found === undefined) {
  console.log(
    `${scenarios} scenarios in ${seconds()} s, none failed; all nodes were equal within ${(100 * slowestConvergence).toFixed(1)} % of the time allowed`,
  );
} else {
  console.error(found.report);
  process.exitCode = 1;
}

function seconds(): string {
  return ((performance.now() - startedAtMs) / 1_000).toFixed(1);
}
