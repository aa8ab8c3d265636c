/**
 * The order of a target list: by Require topology, then by After. The comparison by After is no strict
 * weak order, so the sorting algorithm is part of the behaviour: insertion sort in blocks of 20,
 * merged by SymMerge (Kim & Kutzner, "Stable Minimum Storage Merging by Symmetric Comparisons").
 */

import type { CompiledSchema } from "./compiled_schema.ts";

type Less = (a: number, b: number) => boolean;

const BLOCK = 20;

/** Sorts the first `count` state indexes of `list` in place. */
export function sortTarget(schema: CompiledSchema, list: Int32Array, count: number): void {
  sortByTopology(schema.topology, list, count);
  if (schema.hasAfter && count > 1) {
    const { after } = schema;
    sortStable(list, count, (a, b) => !after[a]!.includes(b) && after[b]!.includes(a));
  }
}

function sortByTopology(topology: Int32Array, list: Int32Array, count: number): void {
  let isSorted = true;
  for (let i = 1; i < count; i++) {
    if (topology[list[i]!]! < topology[list[i - 1]!]!) {
      isSorted = false;
      break;
    }
  }
  if (isSorted) return;
  // States without a place stay in front, in their order; places are unique.
  const placed: number[] = [];
  let kept = 0;
  for (let i = 0; i < count; i++) {
    const state = list[i]!;
    if (topology[state]! < 0) list[kept++] = state;
    else placed.push(state);
  }
  placed.sort((a, b) => topology[a]! - topology[b]!);
  for (const state of placed) list[kept++] = state;
}

/** Moves states with a place in the topology to the end, by place; the others keep their order. Allocates nothing for a short list. */
export function sortPlacedLast(list: Int32Array, count: number, topology: Int32Array): void {
  if (count > BLOCK) {
    sortByTopology(topology, list, count);
    return;
  }
  for (let i = 1; i < count; i++) {
    const state = list[i]!;
    let j = i;
    for (; j > 0 && topology[list[j - 1]!]! > topology[state]!; j--) list[j] = list[j - 1]!;
    list[j] = state;
  }
}

/** Sorts `v[0, n)` exactly as the published algorithm does. Exported for its test. */
export function sortStable(v: Int32Array, n: number, less: Less): void {
  for (let start = 0; start < n; start += BLOCK)
    insertionSort(v, start, Math.min(start + BLOCK, n), less);
  for (let block = BLOCK; block < n; block *= 2) {
    let a = 0;
    let b = 2 * block;
    while (b <= n) {
      symMerge(v, a, a + block, b, less);
      a = b;
      b += 2 * block;
    }
    if (a + block < n) symMerge(v, a, a + block, n, less);
  }
}

function insertionSort(v: Int32Array, from: number, to: number, less: Less): void {
  for (let i = from + 1; i < to; i++) {
    for (let j = i; j > from && less(v[j]!, v[j - 1]!); j--) swap(v, j, j - 1);
  }
}

function symMerge(v: Int32Array, a: number, m: number, b: number, less: Less): void {
  if (m - a === 1) {
    let i = m;
    let j = b;
    while (i < j) {
      const h = (i + j) >>> 1;
      if (less(v[h]!, v[a]!)) i = h + 1;
      else j = h;
    }
    for (let k = a; k < i - 1; k++) swap(v, k, k + 1);
    return;
  }
  if (b - m === 1) {
    let i = a;
    let j = m;
    while (i < j) {
      const h = (i + j) >>> 1;
      if (!less(v[m]!, v[h]!)) i = h + 1;
      else j = h;
    }
    for (let k = m; k > i; k--) swap(v, k, k - 1);
    return;
  }
  const middle = (a + b) >>> 1;
  const n = middle + m;
  let low = m > middle ? n - b : a;
  let high = Math.min(m, middle);
  const p = n - 1;
  while (low < high) {
    const k = (low + high) >>> 1;
    if (!less(v[p - k]!, v[k]!)) low = k + 1;
    else high = k;
  }
  const end = n - low;
  if (low < m && m < end) rotate(v, low, m, end);
  if (a < low && low < middle) symMerge(v, a, low, middle, less);
  if (middle < end && end < b) symMerge(v, middle, end, b, less);
}

/** Swaps the ranges `v[a, m)` and `v[m, b)`; each keeps its order. */
function rotate(v: Int32Array, a: number, m: number, b: number): void {
  const first = v.slice(a, m);
  v.copyWithin(a, m, b);
  v.set(first, a + b - m);
}

function swap(v: Int32Array, i: number, j: number): void {
  const kept = v[i]!;
  v[i] = v[j]!;
  v[j] = kept;
}
