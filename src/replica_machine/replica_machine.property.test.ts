/** Whatever way a clock takes to a replica, its handlers end up where it is, and miss no activation of an epoch. */

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

/** What handlers make of what they are told. */
class Book {
  readonly #followed: FollowedClock<string>;
  readonly active = new Set<string>();
  readonly #told = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  #epoch = "";

  constructor(followed: FollowedClock<string>) {
    this.#followed = followed;
  }

  enter({ state, flip }: ReplicaEvent): void {
    // Each State is followed by its End before the next one, but for multi states that go on.
    if (state !== "M") expect(this.active).not.toContain(state);
    expect(flip!.activations).toBeGreaterThan(0);
    this.active.add(state!);
  }

  leave({ state }: ReplicaEvent): void {
    expect(this.active).toContain(state);
    this.active.delete(state!);
  }

  /** Nothing lies between what was told last and what this begins with. */
  note({ change }: ReplicaEvent): void {
    expect(change.flips.length).toBeGreaterThan(0);
    // A new epoch in which nothing is active that was not, and the other way round, is not told by itself.
    if (change.epoch !== this.#epoch) {
      this.#told.clear();
      this.#counts.clear();
    }
    this.#epoch = change.epoch;
    if (change.type === "epoch") {
      const { names, ticks } = this.#followed.clock;
      for (const [index, name] of names.entries()) this.#learn(name, ticks[index]!);
      return;
    }
    for (const { state, tickBefore, tick, activations } of change.flips) {
      if (this.#told.has(state)) expect(tickBefore).toBe(this.#told.get(state));
      expect(tick).toBeGreaterThan(tickBefore);
      this.#told.set(state, tick);
      this.#counts.set(state, (this.#counts.get(state) ?? Math.ceil(tickBefore / 2)) + activations);
    }
  }

  #learn(state: string, tick: number): void {
    this.#told.set(state, tick);
    this.#counts.set(state, Math.ceil(tick / 2));
  }

  /** Against the clock as it is, everything having been told. */
  check(): void {
    const { names, ticks } = this.#followed.clock;
    const active = names.filter((_, index) => ticks[index]! % 2 === 1);
    expect([...this.active].sort()).toEqual(active.sort());
    if (this.#epoch !== this.#followed.clock.epoch) return;
    for (const [state, count] of this.#counts) {
      const tick = ticks[names.indexOf(state)]!;
      expect([state, this.#told.get(state), count]).toEqual([state, tick, Math.ceil(tick / 2)]);
    }
  }
}

describe("Handlers on a replica", () => {
  it("end up where the clock is after any mix of diffs, snapshots and epochs", async () => {
    let merged = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const followed = new FollowedClock({ A: {}, B: {}, C: {}, M: { multi: true } });
        followed.snapshot();
        const replica = followed.replica();
        const book = new Book(followed as unknown as FollowedClock<string>);
        const on = (run: (event: ReplicaEvent) => void) => run;
        replica.bind({
          ...Object.fromEntries(NAMES.map((state) => [`${state}State`, on((e) => book.enter(e))])),
          ...Object.fromEntries(NAMES.map((state) => [`${state}End`, on((e) => book.leave(e))])),
          AnyState: on((event) => {
            if (event.change.flips.some(({ activations }) => activations > 1)) merged++;
            book.note(event);
          }),
        });
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
    // The runs were such that there was something to merge.
    expect(merged).toBeGreaterThan(RUNS / 20);
  });
});
