/** The class by itself, on a clock moved by hand: which waits a moved tick checks, and which it skips. */

import { describe, expect, it } from "vitest";
import { Waits } from "./waits.ts";

/** Waits on a clock of three states, and a way to move it. */
function createWaits() {
  const ticks = new Float64Array(3);
  const waits = new Waits(() => ticks);
  const done: string[] = [];
  const note = (name: string, promise: Promise<void>) =>
    void promise.then(
      () => done.push(name),
      (reason) => done.push(`${name}: ${reason}`),
    );
  const move = async (...states: number[]) => {
    for (const state of states) ticks[state]! += 1;
    waits.process(Int32Array.from(states), states.length);
    await Promise.resolve();
    return done.splice(0);
  };
  return { waits, note, move };
}

describe("Waits.process()", () => {
  it("resolves a wait for several ticks at the last of them, in any order", async () => {
    const { waits, note, move } = createWaits();
    note("both", waits.reached([0, 1], [1, 2]));
    expect(await move(0)).toEqual([]);
    expect(await move(1)).toEqual([]);
    expect(await move(0)).toEqual([]);
    expect(await move(1)).toEqual(["both"]);
    expect(waits.count).toBe(0);
  });

  it("resolves waits for different ticks of one state one by one, also those added later", async () => {
    const { waits, note, move } = createWaits();
    for (const tick of [5, 2, 3]) note(`to ${tick}`, waits.reached([2], [tick]));
    expect(await move(2)).toEqual([]);
    expect(await move(2)).toEqual(["to 2"]);
    note("to 4", waits.reached([2], [4]));
    expect(await move(2)).toEqual(["to 3"]);
    expect(await move(2)).toEqual(["to 4"]);
    expect(await move(2)).toEqual(["to 5"]);
  });

  it("keeps the other waits when one is aborted", async () => {
    const { waits, note, move } = createWaits();
    const controller = new AbortController();
    note("kept", waits.reached([0], [3]));
    note("aborted", waits.reached([0], [2], controller.signal));
    controller.abort("late");
    expect(waits.count).toBe(1);
    expect(await move(0)).toEqual(["aborted: late"]);
    expect(await move(0)).toEqual([]);
    expect(await move(0)).toEqual(["kept"]);
  });

  it("requires all states to be active, not only the one that moved", async () => {
    const { waits, note, move } = createWaits();
    note("all", waits.active([0, 1]));
    expect(await move(0)).toEqual([]);
    note("none", waits.inactive([0, 1]));
    expect(await move(1)).toEqual(["all"]);
    expect(await move(0)).toEqual([]);
    expect(await move(1)).toEqual(["none"]);
  });

  it("follows a new index order", async () => {
    const { waits, note, move } = createWaits();
    note("moved", waits.reached([0], [1]));
    waits.remap((index) => 2 - index);
    expect(await move(0)).toEqual([]);
    expect(await move(2)).toEqual(["moved"]);
  });
});
