import { describe, expect, it } from "vitest";
import { createScenario } from "./create_scenario.ts";
import { runScenario } from "./run_scenario.ts";
import { search } from "./search.ts";
import { readSettings } from "./settings.ts";

/** Events that two thousand scenarios always cover, unless a part of the simulator is broken. */
const COVERED = [
  "change",
  "mutate",
  "grow schema",
  "cut",
  "hold",
  "black hole",
  "corrupt",
  "carry",
  "crash",
  "stop",
  "pause",
  "set clock",
  "snapshot",
  "diff",
  "cut off",
  "moved: preferred",
  "moved: stale",
  "moved: draining",
  "lost: failed_precondition",
  "lost: silent",
  "lost: upstream of itself",
  "lost: broke off",
  "lost: no clock",
  "lost: data_loss",
  "resync: checksum",
  "mutation executed",
  "mutation canceled",
  "mutation unavailable",
  "mutation deadline_exceeded",
];

const settings = readSettings(process.env, 2_000);

describe("replication, simulated", () => {
  it(`holds its invariants in ${settings.scenarios} random scenarios from SIM_SEED=${settings.seed}`, {
    timeout: 60_000 + 100 * settings.scenarios,
  }, async () => {
    console.log(`${settings.scenarios} scenarios from SIM_SEED=${settings.seed}`);
    const { found, counts, slowestConvergence } = await search(settings);
    if (found !== undefined) expect.fail(found.report);
    expect(slowestConvergence).toBeLessThan(1);
    if (settings.scenarios >= 1_000)
      expect(COVERED.filter((what) => counts.get(what) === 0)).toEqual([]);
  });

  it("runs the same for the same seed, byte for byte", async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const runs = await Promise.all(
        [1, 2].map(async () => {
          const transcript: string[] = [];
          const outcome = await runScenario(createScenario(seed), {
            log: (line) => transcript.push(line),
          });
          return { transcript, digest: outcome.digest, events: outcome.events };
        }),
      );
      expect(runs[0]).toEqual(runs[1]);
      expect(runs[0]!.transcript.length).toBeGreaterThan(5);
    }
  });

  it("runs differently for another seed", async () => {
    const digests = await Promise.all(
      [1, 2, 3].map(async (seed) => (await runScenario(createScenario(seed))).digest),
    );
    expect(new Set(digests).size).toBe(3);
  });
});
