/** A node for the tests of this folder: a clock that the test moves, time that stands still until told. */

import {
  type MutateOptions,
  type MutationRequest,
  type MutationResponse,
  type Selection,
  type TimeSource,
  VersionedClock,
} from "../replication/mod.ts";
import type { NodeApi, Topology } from "./node_api.ts";

export const EPOCH = "00c0ffee00c0ffee";
export const OTHER_EPOCH = "0badcafe0badcafe";

export const SCHEMA = {
  Exception: { multi: true },
  Start: {},
  Ready: { require: ["Start"] },
  Flight1Delayed: { auto: false, remove: ["Flight1OnTime"] },
  Flight1OnTime: { auto: true, remove: ["Flight1Delayed"], add: [] },
};

/** Timers that fire in {@linkcode advance} and at no other time. */
export class FakeTime implements TimeSource {
  #nowMs = 0;
  readonly #timers = new Set<{ dueMs: number; callback: () => void }>();

  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  defer(callback: () => void): () => void {
    return this.setTimer(0, callback);
  }

  /** Moves on by `ms`, running what is due, the earliest first. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    while (true) {
      const due = [...this.#timers].filter((timer) => timer.dueMs <= untilMs);
      const next = due.sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#nowMs = next.dueMs;
      this.#timers.delete(next);
      next.callback();
    }
    this.#nowMs = untilMs;
  }
}

export class FakeNode implements NodeApi {
  readonly name = "rep-1-1";
  readonly machineId = "flights";
  readonly role = "leaf";
  readonly level = 2;
  readonly clock = new VersionedClock();
  selection: Selection | undefined = undefined;
  readonly staleAfterMs = 5000;
  readonly time = new FakeTime();
  age = 12.25;
  /** What reached {@linkcode mutate}. */
  readonly mutations: { request: MutationRequest; options: MutateOptions }[] = [];
  /** Answers mutations; may be replaced. */
  onMutate: (request: MutationRequest, options: MutateOptions) => Promise<MutationResponse> = () =>
    Promise.resolve({ result: "executed", version: `${EPOCH}-8` });
  /** How often the active states were listed. */
  listings = 0;

  ageMs(): number {
    return this.age;
  }

  mutate(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    this.mutations.push({ request, options });
    return this.onMutate(request, options);
  }

  topology(): Topology {
    return {
      node: {
        name: this.name,
        role: this.role,
        level: this.level,
        selection: null,
        addr: "127.0.0.1:19703",
        httpAddr: "127.0.0.1:18703",
        version: this.clock.version,
        ageMs: this.age,
        startedAt: "2001-06-29T00:00:00.000Z",
      },
      upstream: {
        address: "127.0.0.1:19701",
        status: "live",
        lagMs: 3,
        reconnects: 1,
        resyncs: 0,
        bytesReceived: 0,
      },
      downstreams: [],
    };
  }

  /** Starts an epoch at `seq`. */
  reset(ticks: readonly number[], seq = 0, epoch = EPOCH, schema: object = SCHEMA): void {
    const names = Object.keys(schema);
    const filled = names.map((_, index) => ticks[index] ?? 0);
    this.clock.reset({ epoch, seq, schema: schema as typeof SCHEMA, names, ticks: filled });
  }

  /** Sets ticks by name and moves on to `seq`, the next one by default. */
  advance(ticks: Readonly<Record<string, number>>, seq = this.clock.seq + 1): void {
    const indexes = Object.keys(ticks).map((name) => this.clock.indexOf(name));
    this.clock.advance(seq, Uint32Array.from(indexes), Object.values(ticks));
  }
}

/** A node at seq 7 of {@linkcode EPOCH} with Start and Flight1Delayed active. */
export function createFakeNode(): FakeNode {
  const node = new FakeNode();
  node.reset([2, 1, 0, 3, 2], 7);
  const { activeStates } = node.clock;
  node.clock.activeStates = () => {
    node.listings++;
    return activeStates.call(node.clock);
  };
  return node;
}
