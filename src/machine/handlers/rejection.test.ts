import { describe, expect, it } from "vitest";
import type { Handlers } from "../machine.ts";
import { createMachine, type Machine } from "../mod.ts";
import type { MutationResult, Rejection } from "../mutation.ts";
import { defineSchema, type StateName } from "../schema.ts";

const GATES = defineSchema({
  Gate1: { remove: ["Gate2", "Gate3"] },
  Gate2: { remove: ["Gate1", "Gate3"] },
  Gate3: { remove: ["Gate1", "Gate2"] },
  Boarding: { require: ["Gate1"] },
  Closed: { remove: ["Boarding"] },
  Ghostly: { require: ["Gate1"] },
});
type Name = StateName<typeof GATES> | "Exception";

/** Runs the test on machines with and without After, so that each resolver gives the reason once. */
function onBothResolvers(
  test: (machine: Machine<Name>, rejections: (Rejection | undefined)[]) => void,
): void {
  for (const after of [[], ["Gate1"]] as const) {
    const schema = { ...GATES, Gate2: { ...GATES.Gate2, after } };
    const machine: Machine<Name> = createMachine(schema as typeof GATES, { id: "m" });
    const rejections: (Rejection | undefined)[] = [];
    machine.trace({ transitionEnd: ({ rejected }) => rejections.push(rejected) });
    test(machine, rejections);
    const { incremental, general } = machine.resolverCounts;
    expect(after.length === 0 ? general : incremental).toBe(0);
  }
}

function reasonOf(result: MutationResult): Rejection | undefined {
  return result.result === "canceled" ? result.rejected : undefined;
}

describe("The reason of a canceled mutation", () => {
  it("is the Remove of another called state, in the result and for tracers", () => {
    onBothResolvers((machine, rejections) => {
      const reason = { state: "Gate2", by: "relation Remove of Gate1" };
      expect(machine.add(["Gate1", "Gate2"])).toEqual({ result: "canceled", rejected: reason });
      expect(rejections).toEqual([reason]);
    });
  });

  it("is the Remove of an active state", () => {
    onBothResolvers((machine, rejections) => {
      machine.add("Gate1");
      machine.add("Closed");
      const reason = { state: "Boarding", by: "relation Remove of Closed" };
      expect(reasonOf(machine.add("Boarding"))).toEqual(reason);
      expect(reasonOf(machine.canAdd("Boarding"))).toEqual(reason);
      expect(rejections).toEqual([undefined, undefined, reason, reason]);
    });
  });

  it("is the Require of the state, with the missing state", () => {
    onBothResolvers((machine) => {
      expect(reasonOf(machine.add("Boarding"))).toEqual({
        state: "Boarding",
        by: "relation Require of Boarding, Gate1 is missing",
      });
    });
  });

  it("is the Require of a state whose required state leaves in the same transition", () => {
    onBothResolvers((machine) => {
      machine.add("Gate1");
      const reason = reasonOf(machine.add(["Gate2", "Boarding"]));
      expect(reason).toEqual({
        state: "Boarding",
        by: "relation Require of Boarding, Gate1 is missing",
      });
    });
  });

  it("names the first called state that cannot activate", () => {
    onBothResolvers((machine) => {
      expect(reasonOf(machine.add(["Ghostly", "Boarding"]))?.state).toBe("Ghostly");
      expect(reasonOf(machine.add(["Boarding", "Ghostly"]))?.state).toBe("Boarding");
    });
  });

  it("is the Require that names an unknown state", () => {
    const machine = createMachine({ A: { require: ["Ghost"] } } as Record<string, object>);
    expect(reasonOf(machine.add("A"))).toEqual({
      state: "A",
      by: "relation Require of A, which names an unknown state",
    });
  });

  it("exists for an auto mutation none of whose states can activate", () => {
    const machine = createMachine({ A: {}, B: { auto: true, require: ["C"] }, C: {} });
    const rejections: (Rejection | undefined)[] = [];
    machine.trace({ transitionEnd: ({ rejected }) => rejections.push(rejected) });
    expect(machine.add("A").result).toBe("executed");
    expect(rejections).toEqual([
      undefined,
      { state: "B", by: "relation Require of B, C is missing" },
    ]);
  });

  it("is undefined for an executed mutation", () => {
    onBothResolvers((machine, rejections) => {
      expect(machine.add("Gate1")).toEqual({ result: "executed" });
      expect(machine.remove("Gate2")).toEqual({ result: "executed" });
      expect(rejections).toEqual([undefined, undefined]);
    });
  });
});

describe("The reason of a vetoed mutation", () => {
  const veto = (handlers: Handlers<Name>) => {
    const machine = createMachine(GATES, { id: "m" });
    machine.add("Gate1");
    machine.handle(handlers);
    const rejections: (Rejection | undefined)[] = [];
    machine.trace({ transitionEnd: ({ rejected }) => rejections.push(rejected) });
    const result = machine.add("Gate2");
    expect(result.result).toBe("canceled");
    expect(rejections[0]).toEqual(reasonOf(result));
    return reasonOf(result);
  };

  it("is the handler, with its state", () => {
    expect(veto({ Gate1Exit: () => false })).toEqual({ state: "Gate1", by: "handler Gate1Exit" });
    expect(veto({ Gate2Enter: () => false })).toEqual({ state: "Gate2", by: "handler Gate2Enter" });
    expect(veto({ Gate1: { Gate2: () => false } })).toEqual({
      state: "Gate2",
      by: "handler Gate1Gate2",
    });
    expect(veto({ AnyEnter: () => false })).toEqual({ by: "handler AnyEnter" });
  });

  it("is the error that a handler threw, with the handler", () => {
    const fail = () => {
      throw new Error("made up");
    };
    expect(veto({ Gate2Enter: fail })).toEqual({
      state: "Gate2",
      by: "error in handler Gate2Enter: made up",
    });
    expect(veto({ Gate2State: fail })).toEqual({
      state: "Gate2",
      by: "error in handler Gate2State: made up",
    });
    expect(veto({ Gate1End: fail })).toEqual({
      state: "Gate1",
      by: "error in handler Gate1End: made up",
    });
    expect(veto({ AnyState: fail })).toEqual({ by: "error in handler AnyState: made up" });
  });

  it("is the timeout of a handler", () => {
    let now = 0;
    const machine = createMachine(GATES, { id: "m", now: () => now, handlerTimeoutMs: 100 });
    machine.handle({
      Gate1Enter() {
        now += 101;
      },
    });
    expect(reasonOf(machine.add("Gate1"))).toEqual({
      state: "Gate1",
      by: "timeout of handler Gate1Enter",
    });
  });
});

describe("The reason of a refused mutation", () => {
  it("is the queue limit, a missing error, or the disposal of the machine", async () => {
    const machine = createMachine(GATES, { id: "m", queueLimit: 0 });
    expect(reasonOf(machine.add("Gate1"))).toEqual({ by: "queue limit of 0" });
    expect(reasonOf(machine.addErr(undefined))).toEqual({ by: "no error" });
    await machine.dispose();
    expect(reasonOf(machine.add("Gate1"))).toEqual({ by: "disposal of the machine" });
  });
});
