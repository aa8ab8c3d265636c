import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { choose, Subscriber, setUp } from "../testing/selection_setup.ts";
import { isSelected, parseSelection } from "./clock/selection.ts";

describe("Selections of many subscribers", () => {
  const LETTERS = ["A", "B", "C"];
  const ALL = LETTERS.flatMap((a) => LETTERS.map((b) => a + b));
  const SELECTIONS = [undefined, "A*", "B*,AA", "AA,AB,CC", "C*,A*", "Z*", "CB"];

  type Command =
    | { readonly type: "change"; readonly states: readonly number[]; readonly by: number }
    | { readonly type: "skip" }
    | { readonly type: "heartbeat" }
    | { readonly type: "schema" }
    | { readonly type: "join" | "leave" | "stall" | "drain"; readonly who: number };

  const who = fc.nat(9);
  const commands = fc.array(
    fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          type: fc.constant("change" as const),
          states: fc.uniqueArray(fc.nat(ALL.length - 1), { minLength: 1, maxLength: 3 }),
          by: fc.integer({ min: 1, max: 2 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ type: fc.constantFrom("skip", "heartbeat", "schema") }),
      },
      {
        weight: 5,
        arbitrary: fc.record({ type: fc.constantFrom("join", "leave", "stall", "drain"), who }),
      },
    ) as fc.Arbitrary<Command>,
    { maxLength: 40, size: "max" },
  );

  it("each show what the node had at their version, and in the end what it has now", async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (run) => {
        const { begin, clock, publisher, time } = setUp();
        let names = ALL;
        let lives = 1;
        const start = () =>
          begin(String(lives++), names, Object.fromEntries(names.map((n) => [n, {}])));
        const past = new Map<string, [string, number][]>();
        clock.onChange(() => past.set(clock.version, choose(clock, undefined)));
        start();
        const subscribers = Array.from({ length: 10 }, (_, i) => {
          const states = SELECTIONS[i % SELECTIONS.length];
          return new Subscriber(states === undefined ? undefined : parseSelection(states));
        });
        const tryJoin = (subscriber: Subscriber) => {
          try {
            subscriber.subscribe(publisher);
          } catch (error) {
            // One name has left the schema.
            expect(error).toMatchObject({ code: "unknown_state", states: ["CB"] });
          }
        };
        for (const command of run) {
          if (command.type === "change") {
            const indexes = command.states.map((i) => i % names.length);
            const unique = Uint32Array.from(new Set(indexes)).sort();
            clock.advance(
              clock.seq + 1,
              unique,
              Array.from(unique, (i) => clock.ticks[i]! + command.by),
            );
          } else if (command.type === "skip") clock.advance(clock.seq + 3, new Uint32Array(0), []);
          else if (command.type === "heartbeat") await time.advance(250);
          else if (command.type === "schema") {
            names = names === ALL ? ["AD", ...ALL.filter((name) => name !== "CB")] : ALL;
            start();
          } else {
            const subscriber = subscribers[command.who]!;
            if (command.type === "join" && subscriber.downstream === undefined) tryJoin(subscriber);
            if (command.type === "leave") subscriber.leave();
            if (command.type === "stall") subscriber.isSlow = true;
            if (command.type === "drain") {
              subscriber.isSlow = false;
              subscriber.downstream?.drained();
            }
          }
          await time.advance(0);
          for (const { clock: own, selection } of subscribers) {
            if (own.epoch === "") continue;
            const then = past
              .get(own.version)!
              .filter(([name]) => selection === undefined || isSelected(selection, name));
            expect(choose(own, undefined)).toEqual(then);
          }
        }
        for (const subscriber of subscribers) {
          subscriber.isSlow = false;
          if (subscriber.downstream === undefined) tryJoin(subscriber);
          else subscriber.downstream.drained();
        }
        await time.advance(250);
        for (const { clock: own, selection, downstream } of subscribers) {
          if (downstream === undefined) expect(names).not.toContain("CB");
          else {
            expect(own.version).toBe(clock.version);
            expect(choose(own, undefined)).toEqual(choose(clock, selection));
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
