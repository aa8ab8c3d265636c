/** Runs scenarios until one fails, then shrinks and reports it. */

import { Counts } from "./counts.ts";
import { createScenario } from "./create_scenario.ts";
import { describeNodes } from "./report.ts";
import { runScenario } from "./run_scenario.ts";
import { type Shrunk, shrink } from "./shrink.ts";

export interface SearchOptions {
  /** Seed of the first scenario, 0 to 2^32 - 1; each further scenario has the next number. */
  readonly seed: number;
  readonly scenarios: number;
  /** Called after each scenario with the number of scenarios so far. */
  readonly onProgress?: (done: number, counts: Counts) => void;
}

export interface Found {
  readonly seed: number;
  readonly shrunk: Shrunk;
  /** The whole report as text. */
  readonly report: string;
}

export interface SearchResult {
  /** Number of scenarios that ran. */
  readonly scenarios: number;
  readonly counts: Counts;
  readonly found: Found | undefined;
  /** The longest time until all nodes were equal, as a fraction of the allowed time. */
  readonly slowestConvergence: number;
}

export async function search(options: SearchOptions): Promise<SearchResult> {
  // Broken connections create thousands of errors, whose stacks nobody reads.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return await searchOn(options);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function searchOn(options: SearchOptions): Promise<SearchResult> {
  const counts = new Counts();
  let slowestConvergence = 0;
  for (let done = 0; done < options.scenarios; done++) {
    const seed = (options.seed + done) >>> 0;
    const outcome = await runScenario(createScenario(seed));
    counts.addAll(outcome.counts);
    counts.add("event", outcome.events);
    if (outcome.failure !== undefined) {
      const shrunk = await shrink(outcome);
      const report = reportFailure(seed, shrunk, await transcribe(shrunk));
      return { scenarios: done + 1, counts, found: { seed, shrunk, report }, slowestConvergence };
    }
    slowestConvergence = Math.max(slowestConvergence, outcome.convergedMs / outcome.boundMs);
    options.onProgress?.(done + 1, counts);
  }
  return { scenarios: options.scenarios, counts, found: undefined, slowestConvergence };
}

async function transcribe({ outcome }: Shrunk): Promise<string[]> {
  const lines: string[] = [];
  await runScenario(outcome.scenario, { log: (line) => lines.push(line) });
  return lines;
}

/** A readable failure: the tree, what happened, and how to run it again. */
function reportFailure(seed: number, shrunk: Shrunk, transcript: readonly string[]): string {
  const { scenario, failure } = shrunk.outcome;
  return [
    `Scenario ${seed} failed: ${failure}`,
    "",
    `Shrunk in ${shrunk.runs} runs to ${scenario.nodes.length} nodes, ${scenario.actions.length} actions and ${scenario.durationMs} ms:`,
    ...describeNodes(scenario).map((line) => `  ${line}`),
    ...scenario.schemas.map((schema, i) => `  schema ${i}: ${JSON.stringify(schema)}`),
    "",
    ...transcript,
    "",
    `To run it again: SIM_SEED=${seed} SIM_SCENARIOS=1 npm run simulate`,
  ].join("\n");
}
