import { describe, expect, it } from "vitest";
import { fail, failOnce, setUp } from "../_setup.ts";
import type { Machine, Schema } from "../mod.ts";

/** The called states of each auto mutation, comma-separated, in their order. */
function recordAutos(machine: Machine): string[] {
  const autos: string[] = [];
  machine.trace({
    mutationQueued(_, { isAuto, states }) {
      if (isAuto) autos.push(states.join());
    },
  });
  return autos;
}

describe("Auto states", () => {
  const NEVER: Schema = {
    A: {},
    B: {},
    R: { require: ["B"] },
    Healthcheck: { multi: true },
    Heartbeat: {},
    // Can never activate, so that every attempt shows.
    Z: { auto: true, require: ["Ghost"] },
  };

  it("are tried after an add, a remove and a set that moved the clock", () => {
    const machine = setUp(NEVER);
    const autos = recordAutos(machine);
    machine.add("A");
    expect(autos).toHaveLength(1);
    machine.remove("A");
    expect(autos).toHaveLength(2);
    machine.set("B");
    expect(autos).toHaveLength(3);
    machine.addErr(new Error("made up"));
    expect(autos).toEqual(["Z", "Z", "Z", "Z"]);
  });

  it("are not tried after a mutation that moves nothing or is canceled, or a check", () => {
    const machine = setUp(NEVER);
    machine.add("A");
    const autos = recordAutos(machine);
    machine.add("A");
    machine.remove("B");
    expect(machine.add("R").result).toBe("canceled");
    machine.canAdd("B");
    machine.bind({ BEnter: () => false });
    expect(machine.add("B").result).toBe("canceled");
    expect(autos).toEqual([]);
  });

  it("are not tried after an auto transition: one attempt only", () => {
    const machine = setUp({ A: {}, B: { auto: true }, C: { auto: true, require: ["B"] } });
    const autos = recordAutos(machine);
    machine.add("A");
    expect(autos).toEqual(["B,C"]);
    const chained = setUp({
      A: {},
      B: { auto: true, remove: ["D"] },
      D: { remove: ["C"] },
      C: { auto: true },
    });
    chained.add("D");
    const later = recordAutos(chained);
    expect(chained.activeStates()).toEqual(["B"]);
    expect(chained.is("C")).toBe(false);
    chained.add("A");
    expect(later).toEqual(["C"]);
  });

  it("are not tried after an add of only Healthcheck or Heartbeat", () => {
    const machine = setUp(NEVER);
    const autos = recordAutos(machine);
    machine.add("Healthcheck");
    machine.add("Heartbeat");
    expect(autos).toEqual([]);
    machine.remove("Heartbeat");
    machine.add(["Healthcheck", "Heartbeat"]);
    machine.set("Healthcheck");
    expect(autos).toEqual(["Z", "Z", "Z"]);
  });

  it("are tried together in index order, without those that an active state removes", () => {
    const schema: Schema = {
      A: { remove: ["W"] },
      W: { auto: true },
      X: { auto: true },
      Y: { auto: true },
    };
    const machine = setUp(schema, { states: ["Y", "X", "W", "A", "Exception"] });
    const autos = recordAutos(machine);
    machine.add("A");
    expect(autos).toEqual(["Y,X"]);
    machine.remove(["A", "X"]);
    expect(autos).toEqual(["Y,X", "X,W"]);
  });

  it("are decided by index order if two remove each other", () => {
    const schema: Schema = {
      A: {},
      X: { auto: true, remove: ["Y"] },
      Y: { auto: true, remove: ["X"] },
    };
    const machine = setUp(schema);
    machine.add("A");
    expect(machine.activeStates()).toContain("X");
    const reversed = setUp(schema, { states: ["Y", "X", "A", "Exception"] });
    reversed.add("A");
    expect(reversed.is(["Y", "A"])).toBe(true);
  });

  it("run before queued mutations, without a queue tick", () => {
    const machine = setUp({ A: {}, B: {}, Z: { auto: true } });
    const log: string[] = [];
    machine.bind({ AState: () => void machine.add("B") });
    machine.trace({
      transitionStart: ({ mutation }) =>
        log.push(`${mutation.states.join()} ${mutation.queueTick} ${machine.queueTick}`),
    });
    machine.add("A");
    expect(log).toEqual(["A 2 2", "Z 0 2", "B 3 3"]);
  });

  it("come back after they were removed", () => {
    const machine = setUp({ A: {}, Z: { auto: true } });
    machine.add("A");
    machine.remove("Z");
    expect(machine.tick("Z")).toBe(3);
    machine.set([]);
    expect(machine.tick("Z")).toBe(5);
  });
});

describe("An auto transition", () => {
  const TRIO: Schema = { C: {}, A: { auto: true }, B: { auto: true, add: ["D"] }, D: {} };

  it("activates the other states if relations reject some", () => {
    const machine = setUp({ C: {}, A: { auto: true }, B: { auto: true, require: ["D"] }, D: {} });
    machine.add("C");
    expect(machine.activeStates()).toEqual(["A", "C"]);
  });

  it("is canceled if relations reject all states", () => {
    const machine = setUp({ C: {}, B: { auto: true, require: ["D"] }, D: {} });
    const accepted: boolean[] = [];
    machine.trace({ transitionEnd: ({ isAccepted }) => accepted.push(isAccepted) });
    machine.add("C");
    expect(accepted).toEqual([true, false]);
    expect(machine.activeStates()).toEqual(["C"]);
  });

  it("drops an auto state whose Enter vetoes, and states that only it implied", () => {
    const machine = setUp(TRIO);
    machine.bind({ BEnter: () => false });
    machine.add("C");
    expect(machine.activeStates()).toEqual(["A", "C"]);
    expect(machine.tick("D")).toBe(0);
  });

  it("calls no handler twice, but still those of dropped states", () => {
    const machine = setUp(TRIO);
    const asked: string[] = [];
    machine.bind({
      AEnter: () => void asked.push("A"),
      BEnter: () => {
        asked.push("B");
        return false;
      },
      DEnter: () => void asked.push("D"),
      DState: () => void asked.push("DState"),
      AnyEnter: () => void asked.push("Any"),
    });
    machine.add("C");
    // The first Any belongs to the Add itself.
    expect(asked).toEqual(["Any", "A", "B", "D", "Any"]);
  });

  it("is canceled by the veto of a state that is not auto", () => {
    const machine = setUp(TRIO);
    machine.bind({ DEnter: () => false });
    machine.add("C");
    expect(machine.activeStates()).toEqual(["C"]);
  });

  it("drops an auto state vetoed by a pair, and is canceled if the pair leads to another state", () => {
    const machine = setUp(TRIO);
    machine.bind({ CB: () => false });
    machine.add("C");
    expect(machine.activeStates()).toEqual(["A", "C"]);
    const other = setUp(TRIO);
    other.bind({ CD: () => false });
    other.add("C");
    expect(other.activeStates()).toEqual(["C"]);
  });

  it("still calls the pairs of a state that was vetoed meanwhile", () => {
    const machine = setUp({ C: {}, E: {}, A: { auto: true } });
    const asked: string[] = [];
    machine.bind({
      CA: () => {
        asked.push("CA");
        return false;
      },
      EA: () => void asked.push("EA"),
    });
    machine.add(["C", "E"]);
    expect(asked).toEqual(["CA", "EA"]);
    expect(machine.activeStates()).toEqual(["C", "E"]);
  });

  it("is canceled by the self handler of an active state that is not auto", () => {
    const machine = setUp({ C: {}, A: { auto: true } });
    machine.bind({ C: { C: () => false } });
    machine.add("C");
    expect(machine.activeStates()).toEqual(["C"]);
  });

  it("survives the veto of an active auto state's self handler, unless that was the last one called", () => {
    const schema: Schema = {
      C: {},
      D: {},
      A: { auto: true },
      B: { auto: true },
      X: { remove: ["B"] },
    };
    const last = setUp(schema);
    last.add(["C", "X"]);
    const asked: string[] = [];
    last.bind({
      A: { A: () => asked.push("A") === 0 },
      C: { C: () => void asked.push("C") },
    });
    last.remove("X");
    // The target was B, A, C: without A in the list the loop skips C.
    expect(asked).toEqual(["A"]);
    expect(last.activeStates()).toEqual(["A", "C"]);

    const machine = setUp(schema);
    machine.add(["C", "D", "X"]);
    machine.bind({ A: { A: () => false }, D: { D: () => true } });
    machine.remove("X");
    // C is skipped; D is called and passes.
    expect(machine.is(["A", "B", "C", "D"])).toBe(true);
  });

  it("whose states are all vetoed counts as accepted, and moves nothing", () => {
    const machine = setUp({ C: {}, A: { auto: true } });
    const log: string[] = [];
    machine.bind({ AEnter: () => false });
    machine.trace({
      transitionFinals: ({ mutation }) => log.push(mutation.isAuto ? "auto finals" : "finals"),
    });
    machine.add("C");
    expect(log).toEqual(["finals", "auto finals"]);
    expect(machine.activeStates()).toEqual(["C"]);
  });

  it("is canceled by the Exit of what it removes, auto state or not", () => {
    for (const auto of [false, true]) {
      const machine = setUp({
        C: {},
        A: { auto: true, remove: ["B"] },
        B: { auto },
        D: { remove: ["A"] },
      });
      machine.add(["B", "D"]);
      machine.bind({ BExit: () => false });
      machine.remove("D");
      expect(machine.activeStates()).toEqual(["B"]);
      expect(machine.add("C").result).toBe("executed");
    }
  });

  it("is canceled by an error in Enter, and Exception follows", () => {
    const machine = setUp({ C: {}, A: { auto: true } });
    machine.bind({ AEnter: failOnce() });
    expect(machine.add("C").result).toBe("executed");
    // The transition that adds Exception triggers another attempt.
    expect(machine.is(["A", "C", "Exception"])).toBe(true);
  });

  it("is given up if its handler always throws", () => {
    const machine = setUp({ C: {}, A: { auto: true } });
    machine.bind({ AState: fail });
    machine.add("C");
    expect(machine.isErr).toBe(true);
    expect(machine.is("A")).toBe(false);
    expect(machine.add("Exception").result).toBe("executed");
  });
});
