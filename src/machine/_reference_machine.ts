/**
 * A slow, obvious machine for tests: the rules of transitions without handlers, written down one
 * after the other on plain lists, with nothing kept between two steps but ticks and active states.
 */

import type { Schema, StateDefinition } from "./schema.ts";

type Kind = "add" | "remove" | "set";
type Relation = "require" | "add" | "remove" | "after";

const unique = (list: readonly string[]) => [...new Set(list)];
const minus = (list: readonly string[], other: readonly string[]) =>
  list.filter((name) => !other.includes(name));

export class ReferenceMachine {
  readonly names: readonly string[];
  readonly #schema: Schema;
  readonly #topology: Map<string, number>;
  readonly ticks: Map<string, number>;
  active: string[] = [];
  /** The called states of the auto mutation that followed the last mutation, empty if none did. */
  lastAuto: readonly string[] = [];

  /** `schema` is parsed already; `names` gives the index order. */
  constructor(schema: Schema, names: readonly string[]) {
    this.#schema = schema;
    this.names = names;
    this.ticks = new Map(names.map((name) => [name, 0]));
    this.#topology = this.#sortTopology() ?? new Map();
  }

  /** Runs a mutation and what follows from it. Returns its result. */
  mutate(kind: Kind, called: readonly string[]): "executed" | "canceled" {
    const timeBefore = this.time().join();
    this.lastAuto = [];
    const result = this.#run(kind, unique(called), false, false);
    const isHealth =
      kind === "add" &&
      unique(called).length === 1 &&
      ["Healthcheck", "Heartbeat"].includes(called[0]!);
    if (result === "executed" && this.time().join() !== timeBefore && !isHealth) {
      const candidates = this.candidates();
      if (candidates.length > 0) this.#run("add", candidates, true, false);
      this.lastAuto = candidates;
    }
    return result;
  }

  /** What a mutation would come to; nothing changes. */
  check(kind: Kind, called: readonly string[]): "executed" | "canceled" {
    return this.#run(kind, unique(called), false, true);
  }

  /** Inactive auto states that no active state removes, in index order. */
  candidates(): string[] {
    return this.names.filter(
      (name) =>
        this.#of(name).auto &&
        !this.active.includes(name) &&
        !this.active.some((other) => this.#list(other, "remove").includes(name)),
    );
  }

  time(): number[] {
    return this.names.map((name) => this.ticks.get(name)!);
  }

  #of(name: string): StateDefinition {
    return this.#schema[name] ?? {};
  }

  #list(name: string, relation: Relation): readonly string[] {
    return this.#of(name)[relation] ?? [];
  }

  #run(
    kind: Kind,
    called: readonly string[],
    isAuto: boolean,
    isCheck: boolean,
  ): "executed" | "canceled" {
    let target = this.#resolve(kind, called);
    const rejected = minus(called, target);
    const isAccepted =
      kind === "remove" ||
      (isAuto ? called.some((name) => target.includes(name)) : rejected.length === 0) ||
      (isCheck && called.some((name) => this.#of(name).multi));
    if (!isAccepted) return "canceled";
    if (isCheck) return "executed";
    let settled = called;
    if (isAuto) {
      settled = called.filter((name) => target.includes(name));
      target = this.#resolve("add", settled);
    }
    this.#setActive(settled, target);
    return "executed";
  }

  #setActive(called: readonly string[], target: readonly string[]): void {
    const before = this.active;
    const move = (name: string, by: number) => this.ticks.set(name, this.ticks.get(name)! + by);
    for (const name of target) {
      if (!before.includes(name)) move(name, 1);
      else if (called.includes(name) && this.#of(name).multi) move(name, 2);
    }
    for (const name of minus(before, target)) move(name, 1);
    this.active = [...target];
  }

  #resolve(kind: Kind, called: readonly string[]): string[] {
    const before = this.active;
    const wanted =
      kind === "add" ? [...called, ...before] : kind === "set" ? called : minus(before, called);
    const imply = (list: readonly string[]): string[] => {
      const out = [...list];
      for (const name of list) {
        if (before.includes(name) && !this.#of(name).multi) continue;
        for (const other of this.#list(name, "add")) {
          if (!(kind === "remove" && called.includes(other))) out.push(other);
        }
      }
      return out;
    };
    const list = this.#meetRequires(unique(imply(unique(wanted))));
    const kept: string[] = [];
    const blocked: string[] = [];
    for (const name of [...list].reverse()) {
      const blockers = minus(
        list.filter((other) => this.#list(other, "remove").includes(name)),
        blocked,
      );
      if (blockers.length === 0) kept.push(name);
      else blocked.push(name);
    }
    const removed = kept.flatMap((name) => this.#list(name, "remove"));
    const last = unique(minus(imply(kept), removed));
    return this.#sort(this.#meetRequires(last.reverse()));
  }

  #meetRequires(list: readonly string[]): string[] {
    const met = list.filter((name) =>
      this.#list(name, "require").every((other) => list.includes(other)),
    );
    return met.length === list.length ? met : this.#meetRequires(met);
  }

  #sort(list: readonly string[]): string[] {
    const place = (name: string) => this.#topology.get(name) ?? -1;
    const sorted = [...list].sort((a, b) => place(a) - place(b));
    return sortStable(sorted, (a, b) => this.#isLess(a, b));
  }

  #isLess(a: string, b: string): boolean {
    return !this.#list(a, "after").includes(b) && this.#list(b, "after").includes(a);
  }

  /** Depth-first post-order over Require in index order; undefined if there is a cycle. */
  #sortTopology(): Map<string, number> | undefined {
    const places = new Map<string, number>();
    const visit = (name: string, path: readonly string[]): boolean => {
      if (path.includes(name)) return false;
      if (places.has(name)) return true;
      const known = this.#list(name, "require").filter((other) => this.names.includes(other));
      if (!known.every((other) => visit(other, [...path, name]))) return false;
      places.set(name, places.size);
      return true;
    };
    const roots = this.names.filter((name) =>
      this.#list(name, "require").some((other) => this.names.includes(other)),
    );
    return roots.every((name) => visit(name, [])) ? places : undefined;
  }
}

/** Insertion sort in blocks of 20, neighbours merged by SymMerge, the block doubling. */
export function sortStable<T>(list: readonly T[], isLess: (a: T, b: T) => boolean): T[] {
  let blocks: T[][] = [];
  for (let from = 0; from < list.length; from += 20) {
    const block = list.slice(from, from + 20);
    for (let i = 1; i < block.length; i++) {
      for (let j = i; j > 0 && isLess(block[j]!, block[j - 1]!); j--) {
        [block[j], block[j - 1]] = [block[j - 1]!, block[j]!];
      }
    }
    blocks.push(block);
  }
  while (blocks.length > 1) {
    const merged: T[][] = [];
    for (let i = 0; i < blocks.length; i += 2) {
      const v = [...blocks[i]!, ...(blocks[i + 1] ?? [])];
      merge(v, 0, blocks[i]!.length, v.length, isLess);
      merged.push(v);
    }
    blocks = merged;
  }
  return blocks[0] ?? [];
}

/** SymMerge of `v[a, m)` and `v[m, b)`, as published; a search halves even where the order is none. */
function merge<T>(v: T[], a: number, m: number, b: number, isLess: (a: T, b: T) => boolean): void {
  if (m >= b || a >= m) return;
  if (m - a === 1) {
    const [first] = v.splice(a, 1);
    const place = search(m, b, (h) => isLess(v[h - 1]!, first!));
    v.splice(place - 1, 0, first!);
    return;
  }
  if (b - m === 1) {
    const place = search(a, m, (h) => !isLess(v[m]!, v[h]!));
    const [last] = v.splice(m, 1);
    v.splice(place, 0, last!);
    return;
  }
  const c = Math.floor((a + b) / 2);
  const n = c + m;
  const [low, high] = m > c ? [n - b, c] : [a, m];
  const start = search(low, high, (k) => !isLess(v[n - 1 - k]!, v[k]!));
  const end = n - start;
  if (start < m && m < end) {
    v.splice(start, end - start, ...v.slice(m, end), ...v.slice(start, m));
  }
  if (a < start && start < c) merge(v, a, start, c, isLess);
  if (c < end && end < b) merge(v, c, end, b, isLess);
}

/** The first place in [low, high] for which `goesOn` says no, if it says so from there on; found by halving. */
function search(low: number, high: number, goesOn: (place: number) => boolean): number {
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (goesOn(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
