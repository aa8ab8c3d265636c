/** Watches exports: what is told of them, what is counted, and whether a stop should wait for one more. */

import type { TimeSource } from "../replication/mod.ts";
import type { LogFields } from "./event_log.ts";
import type { MetricSet } from "./metric_set.ts";
import { METRIC_EXPORTED } from "./semconv.ts";

export type Signal = "traces" | "logs";

/** Ends the watch over one export; `error` is undefined if all went well. */
export type EndExport = (items: number, error: Error | undefined) => void;

/** An export that takes longer than this, in milliseconds, is one of a collector that does not answer. */
const STUCK_MS = 1_000;

export class ExportWatch {
  readonly #time: TimeSource;
  readonly #onProblem: (message: string, fields: LogFields) => void;
  readonly #exported;
  readonly #failing = new Set<Signal>();
  /** When those under way began. */
  readonly #underWay = new Set<{ readonly sinceMs: number }>();

  /** `onProblem` is told once when a signal's exports begin to fail, and once when they work again. */
  constructor(
    metrics: MetricSet,
    time: TimeSource,
    onProblem: (message: string, fields: LogFields) => void,
  ) {
    this.#time = time;
    this.#onProblem = onProblem;
    this.#exported = metrics.counters(METRIC_EXPORTED);
  }

  /** Shows a signal's counts from 0 on. */
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
        if (this.#failing.delete(signal))
          this.#onProblem("telemetry export works again", { signal });
      } else if (!this.#failing.has(signal)) {
        this.#failing.add(signal);
        this.#onProblem("telemetry export failed", { signal, reason: error.message });
      }
    };
  }

  /** Whether the collector fails or does not answer: nothing more will get there soon. */
  get isStuck(): boolean {
    const nowMs = this.#time.monotonic();
    return (
      this.#failing.size > 0 ||
      [...this.#underWay].some(({ sinceMs }) => nowMs - sinceMs > STUCK_MS)
    );
  }
}
