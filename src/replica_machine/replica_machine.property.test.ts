/** However a clock reaches a replica, its handlers end at that clock, and receive every activation of an epoch. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FollowedClock } from "../testing/followed_clock.ts";
import { settle } from "../testing/virtual_time.ts";
import type { ReplicaEvent } from "./event.ts";

const NAMES = ["A", "B", "C", "M"] as const;
const RUNS = Number(process.env.PROPERTY_RUNS ?? 300);

const step = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...NAMES.map((state) => `toggle ${state}`), "add M") },
  { weight: 6, arbitrary: fc.constantFrom("diff", "settle") },
  { weight: 2, arbitrary: fc.constantFrom("snapshot", "restart") },
);

/** The clock as handlers can infer it from their events. */
class Book {
  readonly #followed: FollowedClock<string>;
  readonly #active = new Set<string>();
  /** By state: its tick, and its activations in the current epoch. */
  readonly #ticks = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  #epoch = "";

  constructor(followed: FollowedClock<string>) {
    this.#followed = followed;
  }

  enter({ state, flip }: ReplicaEvent): void {
    // End runs between two calls of State, except for a multi state that stays active.
    if (state !== "M") expect(this.#active).not.toContain(state);
    expect(flip!.activations).toBeGreaterThan(0);
    this.#active.add(state!);
  }

  leave({ state }: ReplicaEvent): void {
    expect(this.#active).toContain(state);
    this.#active.delete(state!);
  }

  /** Each change begins where the last one ended. */
  note({ change }: ReplicaEvent): void {
    expect(change.flips.length).toBeGreaterThan(0);
    // A new epoch with the same active states is not delivered as a separate change.
    if (change.epoch !== this.#epoch) {
      this.#ticks.clear();
      this.#counts.clear();
    }
    this.#epoch = change.epoch;
    if (change.type === "epoch") {
      const { names, ticks } = this.#followed.clock;
      for (const [index, name] of names.entries()) this.#learn(name, ticks[index]!);
      return;
    }
    for (const { state, tickBefore, tick, activations } of change.flips) {
      if (!this.#ticks.has(state)) this.#learn(state, tickBefore);
      expect(tickBefore).toBe(this.#ticks.get(state));
      expect(tick).toBeGreaterThan(tickBefore);
      this.#ticks.set(state, tick);
      this.#counts.set(state, this.#counts.get(state)! + activations);
    }
  }

  #learn(state: string, tick: number): void {
    this.#ticks.set(state, tick);
    this.#counts.set(state, Math.ceil(tick / 2));
  }

  /** Compares with the clock, once all changes have been delivered. */
  check(): void {
    const { names, ticks, epoch } = this.#followed.clock;
    const active = names.filter((_, index) => ticks[index]! % 2 === 1);
    expect([...this.#active].sort()).toEqual(active.sort());
    if (this.#epoch !== epoch) return;
    for (const [state, count] of this.#counts) {
      const tick = ticks[names.indexOf(state)]!;
      expect([state, this.#ticks.get(state), count]).toEqual([state, tick, Math.ceil(tick / 2)]);
    }
  }
}

describe("Handlers on a replica", () => {
  it("end at the replica's clock after any mix of diffs, snapshots and epochs", async () => {
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const followed = new FollowedClock<string>({ A: {}, B: {}, C: {}, M: { multi: true } });
        followed.snapshot();
        const book = new Book(followed);
        const handlers: Record<string, (event: ReplicaEvent) => void> = {
          AnyState(event) {
            if (event.change.flips.some(({ activations }) => activations > 1)) merged++;
            book.note(event);
          },
        };
        for (const state of NAMES) {
          handlers[`${state}State`] = (event) => book.enter(event);
          handlers[`${state}End`] = (event) => book.leave(event);
        }
        followed.replica().bind(handlers);
        let hasEpoch = true;
        for (const each of [...steps, "diff", "settle"]) {
          const [what, state] = each.split(" ") as [string, string | undefined];
          if (what === "toggle") followed.machine.toggle(state!);
          else if (what === "add") followed.machine.add(state!);
          else if (what === "restart") {
            followed.restart();
            hasEpoch = false;
          } else if (what === "settle") await settle();
          else if (what === "snapshot" || !hasEpoch) {
            followed.snapshot();
            hasEpoch = true;
          } else followed.diff();
        }
        expect(followed.errors).toEqual([]);
        book.check();
      }),
      { numRuns: RUNS },
    );
    // Enough runs merged activations.
    expect(merged).toBeGreaterThan(RUNS / 20);
  });
});
