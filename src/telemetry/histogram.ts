/** A histogram as plain numbers: one recording is a short walk and three additions. */

/** The last traced value in a bucket: from a graph, the way to its trace. */
export interface Exemplar {
  readonly value: number;
  /** See `trace_context.ts`. */
  readonly traceContext: Uint8Array;
  /** Wall time, in milliseconds. */
  readonly atMs: number;
}

export class Histogram {
  /** Upper limits of the buckets, rising; a last bucket takes what is above them all. */
  readonly boundaries: readonly number[];
  /** How many values fell in each bucket: one more than there are boundaries. */
  readonly counts: number[];
  count = 0;
  sum = 0;
  /** By bucket. */
  readonly exemplars: (Exemplar | undefined)[] = [];

  constructor(boundaries: readonly number[]) {
    this.boundaries = boundaries;
    this.counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  /** Takes a value; what is no number, or below 0, counts as 0. Returns its bucket. */
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

  /** As {@linkcode record}, for a value that a trace tells more about. */
  recordTraced(value: number, traceContext: Uint8Array, atMs: number): void {
    const bucket = this.record(value);
    this.exemplars[bucket] = { value: Math.max(0, value), traceContext, atMs };
  }
}
