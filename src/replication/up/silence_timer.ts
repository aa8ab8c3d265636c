/** Detects that a link has been silent for too long. */

import type { TimeSource } from "../clock/time_source.ts";

/** Calls back once its limit has passed without a reset. A reset is cheap: it only records the time. */
export class SilenceTimer {
  readonly #time: TimeSource;
  readonly #onSilent: (limitMs: number) => void;
  #limitMs: number;
  #resetAtMs: number;
  #cancel: () => void = () => {};

  constructor(time: TimeSource, limitMs: number, onSilent: (limitMs: number) => void) {
    this.#time = time;
    this.#onSilent = onSilent;
    this.#limitMs = limitMs;
    this.#resetAtMs = time.monotonic();
    this.#arm(limitMs);
  }

  reset(): void {
    this.#resetAtMs = this.#time.monotonic();
  }

  setLimit(limitMs: number): void {
    if (limitMs === this.#limitMs) return;
    this.#limitMs = limitMs;
    this.#cancel();
    this.#arm(limitMs);
  }

  stop(): void {
    this.#cancel();
  }

  #arm(delayMs: number): void {
    this.#cancel = this.#time.setTimer(delayMs, () => {
      const leftMs = this.#resetAtMs + this.#limitMs - this.#time.monotonic();
      if (leftMs > 0) this.#arm(leftMs);
      else this.#onSilent(this.#limitMs);
    });
  }
}
