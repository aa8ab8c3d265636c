/** The maximum over the last seconds, for values that rise and fall between two collections. */

export class WindowMax {
  readonly #windowMs: number;
  #startedAtMs = Number.NEGATIVE_INFINITY;
  #current = 0;
  #before = 0;

  /** A number counts for at least `windowMs` and at most twice as long. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  record(value: number, nowMs: number): void {
    if (nowMs - this.#startedAtMs >= this.#windowMs) this.#roll(nowMs);
    if (value > this.#current) this.#current = value;
  }

  /** 0 if nothing was recorded. */
  read(nowMs: number): number {
    if (nowMs - this.#startedAtMs >= this.#windowMs) this.#roll(nowMs);
    return Math.max(this.#current, this.#before);
  }

  #roll(nowMs: number): void {
    this.#before = nowMs - this.#startedAtMs >= 2 * this.#windowMs ? 0 : this.#current;
    this.#current = 0;
    this.#startedAtMs = nowMs;
  }
}
