/** Time that only a test moves. */

import { systemTime, type TimeSource } from "../replication/mod.ts";

interface Timer {
  readonly dueMs: number;
  readonly number: number;
  readonly run: () => void;
}

export class VirtualTime implements TimeSource {
  /** Wall time at the start: 2026-01-01T00:00:00Z. */
  static readonly startMs = 1_767_225_600_000;
  #elapsedMs = 0;
  #number = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return VirtualTime.startMs + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#elapsedMs + Math.max(0, delayMs), number: this.#number++, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Waits only for promises, so `run` is called within {@linkcode settle}, at the same virtual time. */
  defer(run: () => void): () => void {
    let isCanceled = false;
    queueMicrotask(() => {
      if (!isCanceled) run();
    });
    return () => {
      isCanceled = true;
    };
  }

  /** Number of timers that are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Advances by `ms`: runs timers in the order in which they are due, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#elapsedMs + ms;
    await settle();
    for (let next = this.#next(untilMs); next !== undefined; next = this.#next(untilMs)) {
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs);
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs);
  }

  /** Advances by `ms` at once, as work of that length does: no timer runs meanwhile. */
  spend(ms: number): void {
    this.#elapsedMs += ms;
  }

  #next(untilMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > untilMs) continue;
      if (
        next === undefined ||
        timer.dueMs < next.dueMs ||
        (timer.dueMs === next.dueMs && timer.number < next.number)
      ) {
        next = timer;
      }
    }
    return next;
  }
}

/** Runs everything that waits only for promises. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise<void>((resolve) => systemTime.defer(resolve));
}
