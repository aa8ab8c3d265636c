/** When a clock reached its last seqs, to measure how long a change waits before it is sent. */

/** Number of changes that are remembered; older ones are known only to be older. */
const CAPACITY = 1024;

export class ChangeTimes {
  readonly #seqs = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY);
  /** Number of changes in this epoch. */
  #count = 0;

  /** Records that the clock reached `seq`. Both numbers are greater than in the calls before. */
  add(seq: number, atMs: number): void {
    const place = this.#count % CAPACITY;
    this.#seqs[place] = seq;
    this.#times[place] = atMs;
    this.#count++;
  }

  /** Forgets all changes. Call it when an epoch begins. */
  clear(): void {
    this.#count = 0;
  }

  /** Returns when the clock first passed `seq`, or the oldest known time if that was earlier; NaN if it has not. */
  firstAfter(seq: number): number {
    let low = Math.max(0, this.#count - CAPACITY);
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#seqs[middle % CAPACITY]! <= seq) low = middle + 1;
      else high = middle;
    }
    return low === this.#count ? Number.NaN : this.#times[low % CAPACITY]!;
  }
}
