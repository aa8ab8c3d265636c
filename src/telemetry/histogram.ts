/** A histogram as plain numbers: to record a value costs a short search and three additions. */

/** The last traced value in a bucket; a graph links from it to its trace. */
export interface Exemplar {
  readonly value: number;
  /** Of the span that the value belongs to; 25 bytes. */
  readonly traceContext: Uint8Array;
  /** Wall time, in milliseconds. */
  readonly atMs: number;
}

/** What code that measures writes to: a {@linkcode Histogram}, or a histogram of a user's meter. */
export interface HistogramCell {
  /** Records a value; NaN and negative values count as 0. */
  record(value: number): void;
  /** As {@linkcode record}, for a value that belongs to a span. `atMs` is wall time. */
  recordTraced(value: number, traceContext: Uint8Array, atMs: number): void;
}

export class Histogram implements HistogramCell {
  /** Upper limits of the buckets, ascending; one more bucket takes the values above the last limit. */
  readonly boundaries: readonly number[];
  /** Number of values in each bucket. Invariant: its length is `boundaries.length + 1`. */
  readonly counts: number[];
  count = 0;
  sum = 0;
  /** By bucket; undefined for a bucket without a traced value. */
  readonly exemplars: (Exemplar | undefined)[] = [];

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries;
    this.counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  /** Records a value; NaN and negative values count as 0. Returns the index of its bucket. */
  record(value: number): number {
    const known = Number.isNaN(value) ? 0 : Math.max(0, value);
    const { boundaries } = this;
    let bucket = 0;
    while (bucket < boundaries.length && known > boundaries[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.count++;
    this.sum += known;
    return bucket;
  }

  /** As {@linkcode record}, for a value that belongs to a span. `atMs` is wall time. */
  recordTraced(value: number, traceContext: Uint8Array, atMs: number): void {
    const bucket = this.record(value);
    this.exemplars[bucket] = { value: Math.max(0, value), traceContext, atMs };
  }
}
