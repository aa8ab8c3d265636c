/**
 * The active states and their order, stored so that a change costs only what it touches: linked
 * lists for the order, counters for premise 2 of the incremental resolver and for auto states.
 */

import type { CompiledSchema } from "./compiled_schema.ts";

/** Lists up to this long are sorted by insertion. */
const SMALL = 16;

/**
 * The order of active states: first those without a place in the Require topology ("loose"), in the order
 * of a linked list; then the others ("placed"), sorted by place.
 */
export class ActiveSet {
  readonly #schema: CompiledSchema;
  /** Place in the topology; -1 for every state if the schema has After, which decides the order last. */
  readonly #place: Int32Array;
  /** 1 for an active state. */
  readonly isActive: Uint8Array;
  // Two rings, each with a sentinel: the loose ring is in order, the placed ring is unordered.
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #loose: number;
  readonly #placed: number;
  /** Grows along the loose ring: states enter only at its ends, so two stamps give the order of two states. */
  readonly #stamp: Float64Array;
  #firstStamp = 0;
  #lastStamp = 0;
  #count = 0;
  #multiAddCount = 0;
  /** Per auto state: how many active states remove it. */
  readonly #blockers: Int32Array;
  readonly #candidates: Int32Array;
  readonly #candidatePlace: Int32Array;
  #candidateCount = 0;

  constructor(schema: CompiledSchema) {
    const size = schema.names.length;
    this.#schema = schema;
    this.#place = schema.hasAfter ? new Int32Array(size).fill(-1) : schema.topology;
    this.isActive = new Uint8Array(size);
    this.#next = new Int32Array(size + 2);
    this.#previous = new Int32Array(size + 2);
    this.#loose = size;
    this.#placed = size + 1;
    for (const sentinel of [this.#loose, this.#placed]) {
      this.#next[sentinel] = sentinel;
      this.#previous[sentinel] = sentinel;
    }
    this.#stamp = new Float64Array(size);
    this.#blockers = new Int32Array(size);
    this.#candidates = new Int32Array(size);
    this.#candidatePlace = new Int32Array(size).fill(-1);
    for (let state = 0; state < size; state++) {
      if (schema.auto[state] === 1) this.#addCandidate(state);
    }
  }

  get count(): number {
    return this.#count;
  }

  /** Number of active multi states that imply others; these imply again on every mutation. */
  get multiAddCount(): number {
    return this.#multiAddCount;
  }

  /** Number of inactive auto states that no active state removes. */
  get candidateCount(): number {
    return this.#candidateCount;
  }

  /** Writes the auto candidates to `out` in index order; returns the count. */
  copyCandidates(out: Int32Array): number {
    const count = this.#candidateCount;
    for (let i = 0; i < count; i++) out[i] = this.#candidates[i]!;
    if (count > 1) out.subarray(0, count).sort();
    return count;
  }

  /** Writes the active states to `out` in their order; returns the count. */
  copyOrder(out: Int32Array): number {
    let count = 0;
    for (let state = this.#next[this.#loose]!; state !== this.#loose; state = this.#next[state]!) {
      out[count++] = state;
    }
    const loose = count;
    for (
      let state = this.#next[this.#placed]!;
      state !== this.#placed;
      state = this.#next[state]!
    ) {
      out[count++] = state;
    }
    if (count - loose > 1) {
      out.subarray(loose, count).sort((a, b) => this.#place[a]! - this.#place[b]!);
    }
    return count;
  }

  /** Sorts the first `count` states of `list`, all active, into their order. The cost depends only on `count`. */
  sort(list: Int32Array, count: number): void {
    if (count > SMALL) {
      list.subarray(0, count).sort((a, b) => (this.#isBefore(a, b) ? -1 : 1));
      return;
    }
    for (let i = 1; i < count; i++) {
      const state = list[i]!;
      let j = i;
      for (; j > 0 && this.#isBefore(state, list[j - 1]!); j--) list[j] = list[j - 1]!;
      list[j] = state;
    }
  }

  /** Activates an inactive state; a loose one becomes the first or the last. */
  activate(state: number, first: boolean): void {
    const schema = this.#schema;
    this.isActive[state] = 1;
    this.#count++;
    this.#multiAddCount += schema.multiAdd[state]!;
    this.#link(state, first);
    if (this.#candidatePlace[state]! >= 0) this.#dropCandidate(state);
    const { removeAuto } = schema;
    for (let i = removeAuto[state]!, end = removeAuto[state + 1]!; i < end; i++) {
      const other = removeAuto[i]!;
      if (this.#blockers[other]!++ === 0 && this.#candidatePlace[other]! >= 0)
        this.#dropCandidate(other);
    }
  }

  deactivate(state: number): void {
    const schema = this.#schema;
    this.isActive[state] = 0;
    this.#count--;
    this.#multiAddCount -= schema.multiAdd[state]!;
    this.#unlink(state);
    const { removeAuto } = schema;
    for (let i = removeAuto[state]!, end = removeAuto[state + 1]!; i < end; i++) {
      const other = removeAuto[i]!;
      if (--this.#blockers[other]! === 0 && this.isActive[other] === 0) this.#addCandidate(other);
    }
    if (schema.auto[state] === 1 && this.#blockers[state] === 0) this.#addCandidate(state);
  }

  /** Moves a loose active state to the front. */
  moveFirst(state: number): void {
    if (this.#place[state]! >= 0 || this.#next[this.#loose] === state) return;
    this.#unlink(state);
    this.#link(state, true);
  }

  /** Brings the active states into the order of `list`, which lists each of them once. */
  reorder(list: Int32Array, count: number): void {
    for (let i = count - 1; i >= 0; i--) this.moveFirst(list[i]!);
  }

  #isBefore(a: number, b: number): boolean {
    const placeA = this.#place[a]!;
    const placeB = this.#place[b]!;
    return placeA === placeB ? this.#stamp[a]! < this.#stamp[b]! : placeA < placeB;
  }

  #link(state: number, first: boolean): void {
    this.#stamp[state] = first ? --this.#firstStamp : ++this.#lastStamp;
    const ring = this.#place[state]! >= 0 ? this.#placed : this.#loose;
    const previous = first ? ring : this.#previous[ring]!;
    const next = this.#next[previous]!;
    this.#next[previous] = state;
    this.#previous[state] = previous;
    this.#next[state] = next;
    this.#previous[next] = state;
  }

  #unlink(state: number): void {
    const previous = this.#previous[state]!;
    const next = this.#next[state]!;
    this.#next[previous] = next;
    this.#previous[next] = previous;
  }

  #addCandidate(state: number): void {
    // A state that removes itself gets here twice: because it left, and because nothing removes it any more.
    if (this.#candidatePlace[state]! >= 0) return;
    this.#candidatePlace[state] = this.#candidateCount;
    this.#candidates[this.#candidateCount++] = state;
  }

  #dropCandidate(state: number): void {
    const place = this.#candidatePlace[state]!;
    const last = this.#candidates[--this.#candidateCount]!;
    this.#candidates[place] = last;
    this.#candidatePlace[last] = place;
    this.#candidatePlace[state] = -1;
  }
}
