import { describe, expect, it } from "vitest";
import { ABC, bind, setUp } from "../_setup.ts";
import type { Machine, MutationResult } from "../mod.ts";

/** Runs `act` within the final handlers of an Add A. */
function within(machine: Machine, act: () => void): void {
  machine.bind({ AState: act });
  machine.add("A");
}

describe("Queue", () => {
  it("gives nested mutations the tick on which they run; the first nested result is 3", () => {
    const machine = setUp();
    const results: MutationResult[] = [];
    const ticks: number[] = [];
    machine.bind({
      BState: () => void ticks.push(machine.queueTick),
      CState: () => void ticks.push(machine.queueTick),
    });
    within(machine, () => results.push(machine.add("B"), machine.add("C")));
    expect(results).toEqual([
      { result: "queued", queueTick: 3 },
      { result: "queued", queueTick: 4 },
    ]);
    expect(ticks).toEqual([3, 4]);
    expect(machine.queueTick).toBe(4);
  });

  it("ticks for canceled mutations, but not for those put in front", () => {
    const machine = setUp({ A: { require: ["B"] }, B: {}, Auto: { auto: true } });
    machine.add("A");
    expect(machine.queueTick).toBe(2);
    machine.canAdd("B");
    expect(machine.queueTick).toBe(2);
    machine.add("B");
    expect(machine.is("Auto")).toBe(true);
    expect(machine.queueTick).toBe(3);
  });

  it("drops a duplicate as executed: same type and states in any order, anywhere in the queue", () => {
    const machine = setUp();
    const results: string[] = [];
    within(machine, () => {
      results.push(
        machine.add(["B", "C"]).result,
        machine.remove("M").result,
        machine.add(["C", "B"]).result,
      );
      results.push(
        machine.add(["B", "C"], { why: 1 }).result,
        machine.add("M").result,
        machine.add("M").result,
      );
    });
    expect(results).toEqual(["queued", "queued", "executed", "queued", "queued", "queued"]);
  });

  it("does not treat a queued check as a duplicate", () => {
    const machine = setUp();
    within(machine, () => {
      machine.canAdd("B");
      expect(machine.add("B")).toEqual({ result: "queued", queueTick: 3 });
    });
    expect(machine.is("B")).toBe(true);
  });

  it("ends Add, Remove, Add of the same state with it removed, as the second Add is a duplicate", () => {
    const machine = setUp();
    within(machine, () => {
      machine.add("B");
      machine.remove("B");
      machine.add("B");
    });
    expect(machine.is("B")).toBe(false);
    expect(machine.tick("B")).toBe(2);
  });

  it("treats a nested Remove of inactive states as executed if the queue is empty", () => {
    const machine = setUp();
    const results: string[] = [];
    within(machine, () =>
      results.push(machine.remove("B").result, machine.add("C").result, machine.remove("B").result),
    );
    expect(results).toEqual(["executed", "queued", "queued"]);
  });

  it("puts a nested check in front, and reports its result when it has run", () => {
    const machine = setUp();
    const results: unknown[] = [];
    within(machine, () => {
      const onResult = (result: MutationResult) => results.push(["answer", result]);
      results.push(machine.canAdd("B", undefined, { onResult }));
    });
    expect(results).toEqual([
      { result: "queued", queueTick: 0 },
      ["answer", { result: "executed" }],
    ]);
  });

  it("cancels mutations beyond its limit, but lets errors in and out", () => {
    const machine = setUp(ABC, { queueLimit: 1 });
    const results: MutationResult[] = [];
    within(machine, () => {
      results.push(
        machine.add("B"),
        machine.add("C"),
        machine.set("C"),
        machine.add("Exception"),
        machine.remove("Exception"),
      );
    });
    expect(results.map(({ result }) => result)).toEqual([
      "queued",
      "canceled",
      "canceled",
      "queued",
      "canceled",
    ]);
    expect(results[1]).toEqual({ result: "canceled", rejected: { by: "queue limit of 1" } });
  });

  it("throws for an unknown state, which within a handler becomes the handler's error", () => {
    const machine = setUp();
    expect(() => machine.add("Nope")).toThrow(
      expect.objectContaining({ code: "unknown_state", states: ["Nope"] }),
    );
    expect(() => machine.add(["B", "Bb"])).toThrow(/nearest known are "B"/);
    expect(machine.is("B")).toBe(false);
    within(machine, () => machine.add("Nope"));
    expect(machine.is("Exception")).toBe(true);
    expect(machine.err?.message).toMatch(/Nope/);
  });

  it("runs a mutation that changes nothing: handlers and queue tick yes, clock and auto no", () => {
    const machine = setUp({ A: {}, Auto: { auto: true, require: ["B"] }, B: {} });
    machine.add("A");
    const ran: string[] = [];
    machine.bind({
      AnyEnter: () => void ran.push("AnyEnter"),
      AA: () => void ran.push("AA"),
      AnyState: () => void ran.push("AnyState"),
    });
    const changes: number[] = [];
    machine.onClockChange(() => changes.push(1));
    expect(machine.add("A").result).toBe("executed");
    expect(ran).toEqual(["AA", "AnyEnter", "AnyState"]);
    expect(changes).toEqual([]);
    expect(machine.queueTick).toBe(3);
  });

  it("adds a toggled list that is partly active; runs mutations of empty lists", () => {
    const machine = setUp();
    machine.add("A");
    machine.toggle(["A", "B"]);
    expect(machine.is(["A", "B"])).toBe(true);
    machine.toggle(["A", "B"]);
    expect(machine.not(["A", "B"])).toBe(true);
    machine.add("C");
    expect(machine.add([]).result).toBe("executed");
    expect(machine.is("C")).toBe(true);
    expect(machine.set([]).result).toBe("executed");
    expect(machine.activeStates()).toEqual([]);
  });

  it("runs negotiation for a check and changes nothing; accepts a check of a multi state despite relations", () => {
    const machine = setUp({ A: {}, B: { require: ["A"] }, M: { multi: true } });
    const asked: string[] = [];
    machine.bind({
      AEnter: (event: { isCheck: boolean }) => {
        asked.push(String(event.isCheck));
        return false;
      },
    });
    expect(machine.canAdd("A")).toEqual({
      result: "canceled",
      rejected: { state: "A", by: "handler AEnter" },
    });
    expect(asked).toEqual(["true"]);
    expect(machine.canAdd("B")).toEqual({
      result: "canceled",
      rejected: { state: "B", by: "relation Require of B, A is missing" },
    });
    expect(machine.canAdd(["B", "M"]).result).toBe("executed");
    expect(machine.canRemove("A").result).toBe("executed");
    expect(machine.timeSum).toBe(0);
  });

  it("reports whether it has a mutation", () => {
    const machine = setUp();
    const seen: boolean[] = [];
    within(machine, () => {
      machine.add(["B", "C"]);
      machine.remove("A");
      seen.push(machine.willBe(["C", "B"]), machine.willBe("B"), machine.willBeRemoved("A"));
    });
    expect(seen).toEqual([true, false, true]);
    expect(machine.willBe("B")).toBe(false);
  });
});

describe("isQueued() and willBeActive()", () => {
  it("ask what the queue holds, with or without args, and what it will leave", () => {
    const machine = setUp({ A: {}, B: {}, C: {}, D: {} });
    machine.add("D");
    const seen: unknown[] = [];
    bind(machine, {
      AState() {
        machine.add(["B", "C"], { id: 1 });
        machine.remove("B");
        machine.canAdd("D");
        seen.push(
          [machine.isQueued("add", "B"), machine.isQueued("add", ["C", "B"])],
          [machine.isQueued("add", "D"), machine.isQueued("set", "B")],
          ["A", "B", "C", "D"].map((state) => machine.willBeActive(state)),
          machine.willBeActive(["A", "C", "D"]),
        );
        machine.set(["B"]);
        seen.push(["A", "B", "C", "D"].map((state) => machine.willBeActive(state)));
      },
    });
    machine.add("A");
    expect(seen).toEqual([
      [true, true],
      [false, false],
      [true, false, true, true],
      true,
      [false, true, false, false],
    ]);
    expect([machine.isQueued("add", "B"), machine.willBeActive("B")]).toEqual([false, true]);
    expect(() => machine.willBeActive("Nope")).toThrow(/Cannot use state "Nope"/);
    expect(() => machine.isQueued("add", "Nope")).toThrow(/Cannot use state "Nope"/);
  });
});
