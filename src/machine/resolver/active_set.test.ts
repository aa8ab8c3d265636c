import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ActiveSet } from "./active_set.ts";
import { compileSchema } from "./compiled_schema.ts";

const NAMES = Array.from({ length: 40 }, (_, i) => `S${i}`);
/** Every fourth state requires the one after it, so that some states have a place in the topology. */
const SCHEMA = Object.fromEntries(
  NAMES.map((name, i) => [
    name,
    {
      auto: i % 5 === 0,
      remove: [NAMES[(i + 5) % 40]!, NAMES[(i + 7) % 40]!],
      ...(i % 4 === 0 ? { require: [NAMES[i + 1]!] } : {}),
    },
  ]),
);

function createSet(): ActiveSet {
  return new ActiveSet(compileSchema(SCHEMA, NAMES));
}

function orderOf(active: ActiveSet): number[] {
  const out = new Int32Array(NAMES.length);
  return [...out.subarray(0, active.copyOrder(out))];
}

type Move = { readonly state: number; readonly first: boolean };

/** Activates inactive states, deactivates active ones or moves them to the front, as a resolver does. */
function play(active: ActiveSet, moves: readonly Move[]): void {
  for (const { state, first } of moves) {
    if (active.isActive[state] === 0) active.activate(state, first);
    else if (first) active.moveFirst(state);
    else active.deactivate(state);
  }
}

const MOVES = fc.array(fc.record({ state: fc.nat(NAMES.length - 1), first: fc.boolean() }), {
  maxLength: 120,
});

describe("ActiveSet", () => {
  it("sorts any active states into its order", () => {
    fc.assert(
      fc.property(MOVES, fc.infiniteStream(fc.nat(1_000)), (moves, random) => {
        const active = createSet();
        play(active, moves);
        const order = orderOf(active);
        const keys = new Map(order.map((state) => [state, random.next().value as number]));
        const some = order.filter((state) => keys.get(state)! % 3 > 0);
        const list = Int32Array.from(some).sort((a, b) => keys.get(a)! - keys.get(b)!);
        active.sort(list, list.length);
        expect([...list]).toEqual(some);
      }),
    );
  });

  it("still sorts states into their old order after they left", () => {
    const active = createSet();
    play(active, [
      { state: 2, first: false },
      { state: 3, first: true },
      { state: 6, first: true },
    ]);
    expect(orderOf(active)).toEqual([6, 3, 2]);
    for (const state of [2, 3, 6]) active.deactivate(state);
    const list = Int32Array.of(2, 3, 6);
    active.sort(list, 3);
    expect([...list]).toEqual([6, 3, 2]);
  });

  it("lists the auto states that no active state removes", () => {
    fc.assert(
      fc.property(MOVES, (moves) => {
        const active = createSet();
        play(active, moves);
        const out = new Int32Array(NAMES.length);
        const candidates = [...out.subarray(0, active.copyCandidates(out))];
        const expected = NAMES.flatMap((name, state) => {
          const isBlocked = orderOf(active).some((other) =>
            SCHEMA[NAMES[other]!]!.remove.includes(name),
          );
          return state % 5 === 0 && active.isActive[state] === 0 && !isBlocked ? [state] : [];
        });
        expect(candidates).toEqual(expected);
      }),
    );
  });
});
