/** When a clock reached its last seqs, to tell how long a change waited before it was sent. */

/** Changes that are remembered; of older ones it is known only that they are older. */
const CAPACITY = 1024;

export class ChangeTimes {
  readonly #seqs = new Float64Array(CAPACITY);
  readonly #times = new Float64Array(CAPACITY);
  /** Changes seen in this epoch. */
  #count = 0;

  /** The clock reached `seq`, later than all before it. */
  add(seq: number, atMs: number): void {
    const place = this.#count % CAPACITY;
    this.#seqs[place] = seq;
    this.#times[place] = atMs;
    this.#count++;
  }

  /** A new epoch counts anew. */
  clear(): void {
    this.#count = 0;
  }

  /** When the clock first went past `seq`, or the oldest time known if that was before; NaN if it has not. */
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
