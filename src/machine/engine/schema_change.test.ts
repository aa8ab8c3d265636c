import { describe, expect, it } from "vitest";
import { createMachine } from "../mod.ts";

describe("Machine.setSchema()", () => {
  it("deactivates a state that the new schema lacks", () => {
    const machine = createMachine({ A: {}, B: {} });
    machine.add(["A", "B"]);
    const signal = machine.stateSignal("A");
    machine.setSchema({ B: {}, C: {}, D: {} }, ["B", "C", "D", "Exception"]);
    expect(signal.aborted).toBe(true);
    expect(machine.activeStates()).toEqual(["B"]);
    expect(machine.add("C" as never).result).toBe("executed");
    expect(machine.activeStates()).toEqual(["C", "B"]);
  });

  it("continues to count transitions, queue ticks and resolutions", () => {
    const machine = createMachine({ A: {} }, { id: "m" });
    const ids: string[] = [];
    machine.trace({ transitionEnd: ({ id }) => ids.push(id) });
    machine.add("A");
    machine.setSchema({ A: {}, B: {} }, ["A", "B", "Exception"]);
    machine.add("B" as never);
    expect(ids).toEqual(["m-1", "m-2"]);
    expect(machine.queueTick).toBe(3);
    expect(machine.resolverCounts.incremental + machine.resolverCounts.general).toBe(2);
  });

  it("keeps handlers bound, except removed ones", () => {
    const machine = createMachine({ A: {}, B: {} });
    const runs: string[] = [];
    const remove = machine.handle({ BState: () => void runs.push("first") });
    machine.handle({ BState: () => void runs.push("second") });
    remove();
    remove();
    machine.setSchema({ A: {}, B: {}, C: {} }, ["A", "B", "C", "Exception"]);
    machine.add("B");
    expect(runs).toEqual(["second"]);
  });

  it("keeps the order by Require if the new schema has a cycle", () => {
    const machine = createMachine({ A: { require: ["B"] }, B: {}, C: {} });
    const circle = { D: { require: ["E"] }, E: { require: ["D"] } } as const;
    machine.setSchema({ A: { require: ["B"] }, B: {}, C: {}, ...circle }, [
      ...(["A", "B", "C", "D", "E", "Exception"] as const),
    ]);
    machine.add(["A", "B", "C"]);
    expect(machine.activeStates()).toEqual(["C", "B", "A"]);
  });

  it("refuses a schema without the state of a bound handler, and changes nothing", () => {
    const machine = createMachine({ A: {}, B: {} });
    machine.handle({ AState() {} });
    expect(() => machine.setSchema({ B: {}, C: {}, D: {} }, ["B", "C", "D", "Exception"])).toThrow(
      'Cannot bind handler "AState"',
    );
    expect(machine.names).toEqual(["A", "B", "Exception"]);
    expect(machine.add("A").result).toBe("executed");
  });
});

describe("Machine.import()", () => {
  it("refuses within a transition", () => {
    const machine = createMachine({ A: {}, B: {} });
    const exported = machine.export();
    machine.handle({ AState: () => machine.import(exported) });
    machine.add("A");
    expect(machine.err?.message).toBe("Cannot import a clock: a transition is running");
    expect(machine.toStringAll()).toBe("(Exception:1) [A:2 B:0]");
  });
});

describe("Machine.dispose()", () => {
  it("continues after a callback that throws, and keeps its error", async () => {
    const machine = createMachine({ A: {} });
    const calls: number[] = [];
    machine.onDispose(() => {
      throw new Error("broken");
    });
    machine.onDispose(() => calls.push(2));
    await machine.dispose();
    await machine.whenDisposed();
    expect(calls).toEqual([2]);
    expect(machine.err?.message).toBe("broken");
  });

  it("happens at once for a signal that aborted before the machine was made", async () => {
    const machine = createMachine({ A: {} }, { signal: AbortSignal.abort() });
    await machine.whenDisposed();
    expect(machine.isDisposed).toBe(true);
  });
});
