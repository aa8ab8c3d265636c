/** Watches exports: reports failures, counts items, and knows whether a shutdown should wait for more. */

import type { TimeSource } from "../replication/mod.ts";
import type { LogFields } from "./event_log.ts";
import type { MetricSet } from "./metric_set.ts";
import { METRIC_EXPORTED } from "./semconv.ts";

export type Signal = "traces" | "logs";

/** Ends the watch over one export; `error` is undefined if it succeeded. */
export type EndExport = (items: number, error: Error | undefined) => void;

/** A collector that does not respond to an export within this time, in milliseconds, counts as stuck. */
const STUCK_MS = 1_000;

export class ExportWatch {
  readonly #time: TimeSource;
  readonly #onProblem: (message: string, fields: LogFields) => void;
  readonly #exported;
  readonly #failing = new Set<Signal>();
  /** Exports in progress. */
  readonly #underWay = new Set<{ readonly sinceMs: number }>();

  /** Calls `onProblem` once when a signal's exports begin to fail, and once when they succeed again. */
  constructor(
    metrics: MetricSet,
    time: TimeSource,
    onProblem: (message: string, fields: LogFields) => void,
  ) {
    this.#time = time;
    this.#onProblem = onProblem;
    this.#exported = metrics.counters(METRIC_EXPORTED);
  }

  /** Creates a signal's counters, so that they show 0 before the first export. */
  expect(signal: Signal): void {
    for (const result of ["ok", "failed"]) this.#exported.at(signal, result);
  }

  start(signal: Signal): EndExport {
    const started = { sinceMs: this.#time.monotonic() };
    this.#underWay.add(started);
    return (items, error) => {
      this.#underWay.delete(started);
      this.#exported.at(signal, error === undefined ? "ok" : "failed").value += items;
      if (error === undefined) {
        if (this.#failing.delete(signal)) this.#onProblem("telemetry export recovered", { signal });
      } else if (!this.#failing.has(signal)) {
        this.#failing.add(signal);
        this.#onProblem("telemetry export failed", { signal, reason: error.message });
      }
    };
  }

  /** Whether the collector fails or does not respond, so that waiting for another export is useless. */
  get isStuck(): boolean {
    const nowMs = this.#time.monotonic();
    return (
      this.#failing.size > 0 ||
      [...this.#underWay].some(({ sinceMs }) => nowMs - sinceMs > STUCK_MS)
    );
  }
}
