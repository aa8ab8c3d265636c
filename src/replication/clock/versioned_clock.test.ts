import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checksumOf, mixTick, VersionedClock } from "./versioned_clock.ts";

const NAMES = ["A", "B", "C", "D", "E", "F"];
const SCHEMA = Object.fromEntries(NAMES.map((name) => [name, {}]));

function clockAt(seq: number, ticks: readonly number[]): VersionedClock {
  const clock = new VersionedClock();
  clock.reset({ epoch: "00000000000000aa", seq, schema: SCHEMA, names: NAMES, ticks });
  return clock;
}

function diffSince(clock: VersionedClock, seq: number): [number, number][] {
  const diff: [number, number][] = [];
  clock.forEachChangedSince(seq, (index, tick) => diff.push([index, tick]));
  return diff.sort(([a], [b]) => a - b);
}

const changes = fc.array(
  fc.uniqueArray(
    fc.record({ index: fc.nat(NAMES.length - 1), by: fc.integer({ min: 1, max: 3 }) }),
    {
      selector: ({ index }) => index,
      minLength: 1,
    },
  ),
  { maxLength: 30 },
);

describe("VersionedClock", () => {
  it("returns from any past seq the states that changed since, and no others", () => {
    fc.assert(
      fc.property(changes, (rounds) => {
        const clock = clockAt(0, [0, 0, 0, 0, 0, 0]);
        const past = [[...clock.ticks]];
        for (const [round, moves] of rounds.entries()) {
          const indexes = Uint32Array.from(moves, ({ index }) => index);
          clock.advance(
            round + 1,
            indexes,
            moves.map(({ index, by }) => clock.ticks[index]! + by),
          );
          past.push([...clock.ticks]);
        }
        for (const [seq, before] of past.entries()) {
          const expected = NAMES.map((_, i) => [i, clock.ticks[i]!] as [number, number]).filter(
            ([i, tick]) => tick !== before[i],
          );
          expect(diffSince(clock, seq)).toEqual(expected);
        }
      }),
    );
  });

  it("maintains checksum, sum and count of active states as if computed from scratch", () => {
    fc.assert(
      fc.property(changes, (rounds) => {
        const clock = clockAt(0, [0, 0, 0, 0, 0, 0]);
        for (const [round, moves] of rounds.entries()) {
          const indexes = Uint32Array.from(moves, ({ index }) => index);
          const ticks = moves.map(({ index, by }) => clock.ticks[index]! + by);
          const announced = clock.checksumWith(indexes, ticks);
          clock.advance(round + 1, indexes, ticks);
          expect(announced).toBe(clock.checksum);
        }
        const ticks = [...clock.ticks];
        expect(clock.checksum).toBe(checksumOf(ticks));
        expect(clock.timeSum).toBe(ticks.reduce((sum, tick) => sum + tick, 0));
        expect(clock.activeCount).toBe(clock.activeStates().length);
      }),
    );
  });

  it("counts all states as changed at a snapshot", () => {
    const clock = clockAt(7, [1, 0, 0, 0, 0, 3]);
    expect(diffSince(clock, 6)).toHaveLength(6);
    expect(diffSince(clock, 7)).toEqual([]);
    expect(clock.version).toBe("00000000000000aa-7");
  });

  it("notifies listeners of an advance with its indexes, and of a reset", () => {
    const clock = clockAt(0, [0, 0, 0, 0, 0, 0]);
    const received: unknown[] = [];
    const stop = clock.onChange((change) =>
      received.push(change.type === "advance" ? [change.seq, ...change.indexes] : "reset"),
    );
    clock.advance(1, Uint32Array.of(2, 4), [1, 1], 5);
    clock.reset({
      epoch: "00000000000000ab",
      seq: 0,
      schema: SCHEMA,
      names: NAMES,
      ticks: [0, 0, 0, 0, 0, 0],
    });
    stop();
    clock.advance(1, Uint32Array.of(0), [1]);
    expect(received).toEqual([[1, 2, 4], "reset"]);
  });
});

describe("VersionedClock.reset()", () => {
  it("keeps the seq of each state's last change", () => {
    const seqs = fc.array(fc.nat(9), { minLength: NAMES.length, maxLength: NAMES.length });
    fc.assert(
      fc.property(seqs, fc.nat(9), fc.nat(NAMES.length - 1), (changedAt, since, moved) => {
        const clock = new VersionedClock();
        const ticks = NAMES.map(() => 1);
        const snapshot = { epoch: "00000000000000aa", seq: 9, schema: SCHEMA, names: NAMES, ticks };
        clock.reset({ ...snapshot, changedAt });
        const later = (seq: number) => seq > since;
        expect(diffSince(clock, since).map(([index]) => index)).toEqual(
          NAMES.map((_, index) => index).filter((index) => later(changedAt[index]!)),
        );
        expect(NAMES.map((_, index) => clock.lastChangeOf(index))).toEqual(changedAt);
        clock.advance(10, Uint32Array.of(moved), [2]);
        expect(diffSince(clock, 9)).toEqual([[moved, 2]]);
        expect(diffSince(clock, -1)).toHaveLength(NAMES.length);
      }),
    );
  });
});

describe("mixTick()", () => {
  it("distinguishes what a plain sum would not: ticks that moved from one state to another", () => {
    const seen = new Set<number>();
    for (let index = 0; index < 300; index++)
      for (let tick = 0; tick < 300; tick++) seen.add(mixTick(index, tick));
    // 90,000 random 32-bit numbers collide about once; those of a weak mix would hundreds of times.
    expect(seen.size).toBeGreaterThan(89_990);
    expect(checksumOf([3, 1])).not.toBe(checksumOf([1, 3]));
    expect(checksumOf([2 ** 32, 0])).not.toBe(checksumOf([0, 0]));
  });

  it("returns what other implementations must compute", () => {
    expect([
      mixTick(0, 0),
      mixTick(1, 1),
      mixTick(148, 12_345),
      mixTick(7, 2 ** 40 + 3),
    ]).toMatchInlineSnapshot(`
      [
        580771925,
        3529314298,
        1126514123,
        3459620083,
      ]
    `);
  });
});
