/** Waits for the clock: promises for active or inactive states, ticks and queries. Equal waits share one promise. */

import type { Ticks } from "./ticks.ts";

/** What satisfies a wait, and in which order waits resolve that are satisfied together. */
type WaitKind = "active" | "inactive" | "ticks" | "query";
const TURN: Record<WaitKind, number> = { active: 0, inactive: 0, ticks: 1, query: 2 };

interface Wait {
  readonly kind: WaitKind;
  key: string;
  states: readonly number[];
  readonly ticks: readonly number[];
  readonly query: ((ticks: Ticks) => boolean) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  onAbort: (() => void) | undefined;
}

/**
 * A promise that has rejected. A wait that nobody awaits must not fail the process when it ends early; a caller
 * that awaits it still receives the reason.
 */
export function rejected(reason: unknown): Promise<never> {
  const promise = Promise.reject(reason);
  promise.catch(() => {});
  return promise;
}

/** The waits for one state, by kind, so that a move of its tick checks only those that it may satisfy. */
interface StateWaits {
  readonly active: Set<Wait>;
  readonly inactive: Set<Wait>;
  readonly ticks: Set<Wait>;
  /** A lower bound of the ticks of this state that {@linkcode ticks} wait for. */
  leastTick: number;
}

const RESOLVED = Promise.resolve();

export class Waits {
  readonly #ticks: () => Ticks;
  /** Waits per state; a wait is listed under each of its states. */
  readonly #byState = new Map<number, StateWaits>();
  readonly #queries = new Set<Wait>();
  readonly #shared = new Map<string, Wait>();
  #count = 0;
  #isClosed = false;

  /** `ticks` returns the current clock. */
  constructor(ticks: () => Ticks) {
    this.#ticks = ticks;
  }

  /** Number of open waits. */
  get count(): number {
    return this.#count;
  }

  /** Resolves when all of `states` are active at the same time. */
  active(states: readonly number[], signal?: AbortSignal): Promise<void> {
    return this.#wait("active", states, [], signal);
  }

  /** Resolves when none of `states` is active. */
  inactive(states: readonly number[], signal?: AbortSignal): Promise<void> {
    return this.#wait("inactive", states, [], signal);
  }

  /** Resolves when each state's tick has reached its number in `ticks`. */
  reached(
    states: readonly number[],
    ticks: readonly number[],
    signal?: AbortSignal,
  ): Promise<void> {
    return this.#wait("ticks", states, ticks, signal);
  }

  /** Resolves when `query` returns true for the ticks after a transition; the current clock does not count. */
  query(query: (ticks: Ticks) => boolean, signal?: AbortSignal): Promise<void> {
    if (this.#isClosed) return RESOLVED;
    if (signal?.aborted) return rejected(signal.reason);
    const wait = this.#create("query", [], [], query, signal);
    this.#queries.add(wait);
    return wait.promise;
  }

  /** Resolves the satisfied waits, given the states whose ticks moved. Visits only queries and the waits for those states. */
  process(changed: Int32Array | Uint32Array, count: number): void {
    if (this.#count === 0) return;
    const ticks = this.#ticks();
    const satisfied: Wait[] = [];
    for (let i = 0; i < count; i++) {
      const state = changed[i]!;
      const waits = this.#byState.get(state);
      if (waits === undefined) continue;
      const tick = ticks[state]!;
      const byActivity = tick % 2 === 1 ? waits.active : waits.inactive;
      for (const wait of byActivity) if (this.#isSatisfied(wait)) satisfied.push(wait);
      if (tick >= waits.leastTick) this.#collectTicks(state, waits, satisfied);
    }
    if (this.#queries.size > 0)
      for (const wait of this.#queries) if (this.#ask(wait, ticks)) satisfied.push(wait);
    if (satisfied.length === 0) return;
    // A wait can be collected for several of its states; closing it twice is harmless.
    for (const wait of satisfied.sort((a, b) => TURN[a.kind] - TURN[b.kind])) {
      this.#close(wait);
      wait.resolve();
    }
  }

  /** Whether a query returns true. If it throws, its wait rejects with the error. */
  #ask(wait: Wait, ticks: Ticks): boolean {
    try {
      return wait.query!(ticks);
    } catch (thrown) {
      this.#close(wait);
      wait.reject(thrown);
      return false;
    }
  }

  #collectTicks(state: number, waits: StateWaits, satisfied: Wait[]): void {
    let least = Infinity;
    for (const wait of waits.ticks) {
      if (this.#isSatisfied(wait)) satisfied.push(wait);
      else least = Math.min(least, wait.ticks[wait.states.indexOf(state)]!);
    }
    waits.leastTick = least;
  }

  /** Resolves every satisfied wait, after ticks that moved without a transition. */
  processAll(): void {
    this.process(Int32Array.from(this.#byState.keys()), this.#byState.size);
  }

  /**
   * Moves the waits to a new index order. `toNew` returns -1 for a state that is gone: waits for it reject
   * with the result of `toReason` for its old index, or stay open without `toReason`.
   */
  remap(toNew: (index: number) => number, toReason?: (index: number) => unknown): void {
    const waits = this.#all();
    if (toReason !== undefined) {
      for (const wait of waits) {
        const gone = wait.states.find((state) => toNew(state) < 0);
        if (gone === undefined) continue;
        waits.delete(wait);
        this.#close(wait);
        fail(wait, toReason(gone));
      }
    }
    this.#byState.clear();
    this.#shared.clear();
    for (const wait of waits) {
      wait.states = wait.states.map(toNew);
      this.#enter(wait);
    }
  }

  /** Rejects the waits for ticks, after the clock was replaced by another one. */
  rejectTicks(reason: unknown): void {
    for (const wait of this.#all()) {
      if (wait.kind !== "ticks") continue;
      this.#close(wait);
      fail(wait, reason);
    }
  }

  /** Resolves all waits, and every later one at once. */
  close(): void {
    this.#isClosed = true;
    for (const wait of [...this.#all(), ...this.#queries]) {
      this.#close(wait);
      wait.resolve();
    }
  }

  #wait(
    kind: WaitKind,
    states: readonly number[],
    ticks: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    if (this.#isClosed) return RESOLVED;
    if (signal?.aborted) return rejected(signal.reason);
    const probe = { kind, states, ticks };
    if (this.#isSatisfied(probe)) return RESOLVED;
    const shared = signal === undefined ? this.#shared.get(keyOf(probe)) : undefined;
    if (shared !== undefined) return shared.promise;
    const wait = this.#create(kind, states, ticks, undefined, signal);
    this.#enter(wait);
    return wait.promise;
  }

  #enter(wait: Wait): void {
    if (wait.signal === undefined) {
      wait.key = keyOf(wait);
      this.#shared.set(wait.key, wait);
    }
    wait.states.forEach((state, i) => {
      let waits = this.#byState.get(state);
      if (waits === undefined) {
        waits = { active: new Set(), inactive: new Set(), ticks: new Set(), leastTick: Infinity };
        this.#byState.set(state, waits);
      }
      if (wait.kind === "active") waits.active.add(wait);
      else if (wait.kind === "inactive") waits.inactive.add(wait);
      else {
        waits.ticks.add(wait);
        waits.leastTick = Math.min(waits.leastTick, wait.ticks[i]!);
      }
    });
  }

  /** All waits except queries, each once, grouped by state. */
  #all(): Set<Wait> {
    const all = new Set<Wait>();
    for (const { active, inactive, ticks } of this.#byState.values())
      for (const waits of [active, inactive, ticks]) for (const wait of waits) all.add(wait);
    return all;
  }

  #create(
    kind: WaitKind,
    states: readonly number[],
    ticks: readonly number[],
    query: Wait["query"],
    signal: AbortSignal | undefined,
  ): Wait {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const wait: Wait = {
      kind,
      key: "",
      states,
      ticks,
      query,
      signal,
      promise,
      resolve,
      reject,
      onAbort: undefined,
    };
    if (signal !== undefined) {
      wait.onAbort = () => {
        this.#close(wait);
        fail(wait, signal.reason);
      };
      signal.addEventListener("abort", wait.onAbort, { once: true });
    }
    this.#count++;
    return wait;
  }

  #close(wait: Wait): void {
    if (wait.kind === "query" ? !this.#queries.delete(wait) : !this.#leave(wait)) return;
    this.#count--;
    if (wait.key !== "") this.#shared.delete(wait.key);
    if (wait.onAbort !== undefined) wait.signal!.removeEventListener("abort", wait.onAbort);
  }

  /** Removes the wait from the sets of its states. Returns whether it was in any. */
  #leave(wait: Wait): boolean {
    let wasIn = false;
    for (const state of wait.states) {
      const waits = this.#byState.get(state);
      if (waits === undefined) continue;
      const { active, inactive, ticks } = waits;
      if (active.delete(wait) || inactive.delete(wait) || ticks.delete(wait)) wasIn = true;
      if (active.size + inactive.size + ticks.size === 0) this.#byState.delete(state);
    }
    return wasIn;
  }

  #isSatisfied({ kind, states, ticks }: Pick<Wait, "kind" | "states" | "ticks">): boolean {
    const clock = this.#ticks();
    switch (kind) {
      case "active":
        return states.every((state) => clock[state]! % 2 === 1);
      case "inactive":
        return states.every((state) => clock[state]! % 2 === 0);
      case "ticks":
        return states.every((state, i) => (clock[state] ?? 0) >= ticks[i]!);
      case "query":
        return false;
    }
  }
}

/** Rejects a wait, even one that nobody awaits. */
function fail({ promise, reject }: Wait, reason: unknown): void {
  promise.catch(() => {});
  reject(reason);
}

/** Equal for waits that share a promise; the order of their states does not matter. */
function keyOf({ kind, states, ticks }: Pick<Wait, "kind" | "states" | "ticks">): string {
  return `${kind} ${states
    .map((state, i) => `${state}:${ticks[i] ?? ""}`)
    .sort()
    .join()}`;
}
