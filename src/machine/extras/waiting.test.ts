import { describe, expect, it } from "vitest";
import { setUp } from "../_setup.ts";
import type { MutationResult } from "../mod.ts";
import { addAndWait, retryMutation, whenAll, whenAny } from "./waiting.ts";

const open = Symbol("open");

/** What a promise has resolved with so far; `open` if nothing. */
async function peek<T>(promise: Promise<T>): Promise<T | typeof open> {
  for (let turn = 0; turn < 10; turn++) await null;
  return Promise.race([promise, Promise.resolve(open)]);
}

describe("addAndWait()", () => {
  it("resolves with the result once the states are active, at once if they are", async () => {
    const machine = setUp({ A: {}, B: { require: ["A"] } });
    expect(await addAndWait(machine, "A")).toEqual({ result: "executed" });
    expect(await addAndWait(machine, ["A", "B"])).toEqual({ result: "executed" });
    expect(machine.waitCount).toBe(0);
  });

  it("waits for other states, and sees one that is active only for a moment", async () => {
    const machine = setUp({ Load: {}, Loaded: {}, Next: { remove: ["Loaded"] } });
    machine.bind({
      LoadState: () => void machine.add("Loaded"),
      LoadedState: () => void machine.add("Next"),
    });
    const loading = addAndWait(machine, "Load", { args: { id: 1 }, waitFor: "Loaded" });
    expect(machine.is("Loaded")).toBe(false);
    expect(await loading).toEqual({ result: "executed" });
  });

  it("resolves at once with the reason if the add is canceled", async () => {
    const machine = setUp({ A: { require: ["B"] }, B: {} });
    expect(await addAndWait(machine, "A")).toMatchObject({ result: "canceled" });
    expect(machine.waitCount).toBe(0);
  });

  it("within a transition resolves when the queued add has run, executed or not", async () => {
    const machine = setUp({ A: {}, B: {}, C: { require: ["D"] }, D: {} });
    const waits: Promise<MutationResult>[] = [];
    machine.bind({
      AState: () => void waits.push(addAndWait(machine, "B"), addAndWait(machine, "C")),
    });
    machine.add("A");
    expect(await Promise.all(waits)).toEqual([
      { result: "executed" },
      { result: "canceled", rejected: { by: "the queue: it did not activate the states" } },
    ]);
    expect(machine.waitCount).toBe(0);
  });

  it("rejects when its signal aborts", async () => {
    const machine = setUp({ A: {}, B: {} });
    const controller = new AbortController();
    const waiting = addAndWait(machine, "A", { waitFor: "B", signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
    expect(machine.waitCount).toBe(0);
  });
});

describe("whenAll() and whenAny()", () => {
  it("resolve when all hold at the same time", async () => {
    const [one, other] = [setUp(), setUp()];
    const all = whenAll([
      [one, "A"],
      [other, ["A", "B"]],
    ]);
    one.add("A");
    one.remove("A");
    other.add(["A", "B"]);
    expect(await peek(all)).toBe(open);
    one.add("A");
    await all;
    expect([one.waitCount, other.waitCount]).toEqual([0, 0]);
  });

  it("resolve with the place of the first that holds, and leave no wait", async () => {
    const [one, other] = [setUp(), setUp()];
    const any = whenAny([
      [one, "A"],
      [other, "B"],
    ]);
    other.add("B");
    expect(await any).toBe(1);
    expect([one.waitCount, other.waitCount]).toEqual([0, 0]);
  });

  it("reject when the signal aborts, or a machine that they wait for is disposed", async () => {
    const [one, other] = [setUp(), setUp()];
    const controller = new AbortController();
    const { signal } = controller;
    const waits = [whenAll([[one, "A"]], { signal }), whenAny([[one, "A"]], { signal })];
    controller.abort(new Error("enough"));
    for (const wait of waits) await expect(wait).rejects.toThrow("enough");
    const disposed = [
      whenAll([
        [one, "A"],
        [other, "A"],
      ]),
      whenAny([[other, "A"]]),
    ];
    one.add("A");
    await other.dispose();
    for (const wait of disposed)
      await expect(wait).rejects.toThrow('Cannot wait for machine "m": it is disposed');
  });

  it("refuse an empty list in whenAny()", async () => {
    await expect(whenAny([])).rejects.toThrow(RangeError);
    await whenAll([]);
  });
});

describe("retryMutation()", () => {
  function setUpDelays() {
    const delays: number[] = [];
    return { delays, delay: async (ms: number) => void delays.push(ms), random: () => 1 };
  }

  it("repeats a canceled mutation with growing delays, and resolves with the last result", async () => {
    const machine = setUp({ A: { require: ["B"] }, B: {} });
    const { delays, ...options } = setUpDelays();
    let runs = 0;
    const run = () => {
      if (++runs === 3) machine.add("B");
      return machine.add("A");
    };
    expect(await retryMutation(run, options)).toEqual({ result: "executed" });
    expect(delays).toEqual([100, 200]);
    delays.length = 0;
    const never = () => machine.add("Nope") as never;
    await expect(retryMutation(never, options)).rejects.toThrow(/Nope/);
    expect(delays).toEqual([]);
  });

  it("gives up after its attempts; no delay is longer than the longest", async () => {
    const machine = setUp({ A: { require: ["B"] }, B: {} });
    const { delays, ...options } = setUpDelays();
    const limits = { attempts: 5, initialDelayMs: 10, maxDelayMs: 30 };
    const result = await retryMutation(async () => machine.add("A"), { ...options, ...limits });
    expect(result).toMatchObject({ result: "canceled", rejected: { state: "A" } });
    expect(delays).toEqual([10, 20, 30, 30]);
  });

  it("spreads the delays, and ends with its signal", async () => {
    const machine = setUp({ A: { require: ["B"] }, B: {} });
    const { delays, delay } = setUpDelays();
    await retryMutation(() => machine.add("A"), { attempts: 2, delay, random: () => 0 });
    expect(delays).toEqual([50]);
    const controller = new AbortController();
    const waiting = retryMutation(() => machine.add("A"), { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(waiting).rejects.toThrow("enough");
  });

  it.each([{ attempts: 0 }, { initialDelayMs: -1 }, { maxDelayMs: Number.NaN }])(
    "refuses %j",
    async (options) => {
      const machine = setUp();
      await expect(retryMutation(() => machine.add("A"), options)).rejects.toThrow(RangeError);
    },
  );
});
