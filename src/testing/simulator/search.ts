/** Runs scenario after scenario until one goes wrong, and then shrinks and tells that one. */

import { Counts } from "./counts.ts";
import { createScenario } from "./create_scenario.ts";
import { reportFailure } from "./report.ts";
import { runScenario } from "./run_scenario.ts";
import { type Shrunk, shrink } from "./shrink.ts";

export interface SearchOptions {
  /** Of the first scenario; each further one has the next number. From 0 to 2^32 - 1. */
  readonly seed: number;
  readonly scenarios: number;
  /** Is told after each scenario how many have been run. */
  readonly onProgress?: (done: number, counts: Counts) => void;
}

export interface Found {
  readonly seed: number;
  readonly shrunk: Shrunk;
  /** All of it as text. */
  readonly report: string;
}

export interface SearchResult {
  /** How many scenarios were run. */
  readonly scenarios: number;
  readonly counts: Counts;
  readonly found: Found | undefined;
  /** The longest time to become equal, as a part of what was allowed. */
  readonly slowestConvergence: number;
}

export async function search(options: SearchOptions): Promise<SearchResult> {
  // Thousands of broken connections are thousands of errors, whose stacks nobody reads.
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
