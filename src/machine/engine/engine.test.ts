import { describe, expect, it, vi } from "vitest";
import { failOnce, setUp } from "../_setup.ts";
import { createMachine, type HandlerEvent, pipe } from "../mod.ts";

describe("Engine", () => {
  it("gives up on an auto state whose handler throws every time, and keeps working", () => {
    const machine = createMachine({ A: { auto: true }, B: {}, C: {} });
    let runs = 0;
    machine.handle({
      AEnter() {
        runs++;
        throw new Error("broken");
      },
    });
    expect(machine.add("B").result).toBe("executed");
    expect(runs).toBe(10);
    expect(machine.activeStates()).toEqual(["Exception", "B"]);
    // Each later change makes one attempt.
    expect(machine.add("C").result).toBe("executed");
    expect(runs).toBe(11);
  });

  it("retries an auto state whose handler threw a few times", () => {
    const machine = createMachine({ A: { auto: true }, B: {} });
    let runs = 0;
    machine.handle({
      AEnter() {
        if (++runs < 4) throw new Error("not yet");
      },
    });
    machine.add("B");
    expect(machine.is("A")).toBe(true);
    expect(machine.tick("Exception")).toBe(5);
  });

  it("aborts the signals of states that an error in a final handler rolls back", () => {
    const machine = createMachine({ A: {}, B: {}, C: {} });
    const signals: Record<string, AbortSignal> = {};
    machine.handle({
      AState({ signal }) {
        signals.A = signal;
      },
      BState({ signal }) {
        signals.B = signal;
        throw new Error("broken");
      },
    });
    machine.add(["A", "B", "C"]);
    expect(machine.toStringAll()).toBe("(A:1 Exception:1) [B:2 C:2]");
    expect(signals.A?.aborted).toBe(false);
    expect(signals.B?.aborted).toBe(true);
  });
});

describe("A transition after a rollback", () => {
  it("drops a state whose required state was rolled back", () => {
    const machine = createMachine({ M: { multi: true }, C: { require: ["M"] }, X: {} });
    machine.add(["M", "C"]);
    let isBroken = true;
    machine.handle({
      MState() {
        if (isBroken) throw new Error("broken");
      },
    });
    // The add of Exception is vetoed, so that no other transition resolves the states in between.
    machine.handle({ ExceptionEnter: () => false });
    machine.add("M");
    expect(machine.activeStates()).toEqual(["C"]);
    isBroken = false;
    machine.add("X");
    expect(machine.activeStates()).toEqual(["X"]);
  });
});

describe("A tracer or listener that throws", () => {
  const broken = () => {
    throw new Error("broken");
  };

  it.each([
    "mutationQueued",
    "transitionStart",
    "handlerStart",
    "handlerEnd",
    "transitionFinals",
    "transitionEnd",
    "queueEnd",
  ] as const)("in %s does not affect the transition, other tracers or the queue", (hook) => {
    const errors: string[] = [];
    const machine = createMachine(
      { A: {}, B: { auto: true } },
      { onError: ({ message }) => errors.push(message) },
    );
    let calls = 0;
    machine.handle({ AState() {} });
    machine.trace({ [hook]: broken });
    machine.trace({ [hook]: () => void calls++ });
    expect(machine.add("A")).toEqual({ result: "executed" });
    expect(machine.toStringAll()).toBe("(A:1 B:1) [Exception:0]");
    expect(calls).toBeGreaterThan(0);
    expect(errors).toEqual(Array.from({ length: calls }, () => "broken"));
  });

  it("in a rarely used hook does not affect the machine", async () => {
    const tracer = { statesVerified: broken, schemaChanged: broken, machineDisposed: broken };
    const machine = createMachine({ A: {} }, { states: ["A", "Exception"], tracers: [tracer] });
    expect(machine.err?.message).toBe("broken");
    machine.setSchema({ A: {}, B: {} }, ["A", "B", "Exception"]);
    await machine.dispose();
    expect(machine.isDisposed).toBe(true);
  });

  it("on a change of the clock does not stop other listeners, and its error becomes err", () => {
    const machine = createMachine({ A: {} });
    const seen: number[][] = [];
    machine.onClockChange(broken);
    machine.onClockChange((indexes) => seen.push([...indexes]));
    machine.onChange(broken);
    machine.onChange((_, after) => seen.push([...after]));
    expect(machine.add("A").result).toBe("executed");
    expect(seen).toEqual([[1, 0], [0]]);
    expect(machine.err?.message).toBe("broken");
  });

  it("as onError causes an uncaught error, and does not affect the machine", async () => {
    const thrown: unknown[] = [];
    const { queueMicrotask } = globalThis;
    vi.stubGlobal("queueMicrotask", (task: () => void) =>
      queueMicrotask(() => {
        try {
          task();
        } catch (error) {
          thrown.push(error);
        }
      }),
    );
    const machine = createMachine({ A: {} }, { onError: broken });
    machine.handle({ AState: broken });
    expect(machine.add("A").result).toBe("canceled");
    expect(machine.add("A").result).toBe("canceled");
    await Promise.resolve();
    vi.unstubAllGlobals();
    expect(thrown.map(String)).toEqual(["Error: broken", "Error: broken"]);
    expect(machine.tick("Exception")).toBe(3);
  });

  it("as a query rejects its wait", async () => {
    const machine = createMachine({ A: {}, B: {} });
    const failing = machine.whenQuery(broken);
    const other = machine.whenQuery(([tick]) => tick === 1);
    expect(machine.add("A").result).toBe("executed");
    await expect(failing).rejects.toThrow("broken");
    await other;
    expect(machine.waitCount).toBe(0);
  });
});

describe("A tracer's own mutation", () => {
  it.each(["mutationQueued", "transitionStart", "transitionEnd"] as const)(
    "in %s is queued behind the current one",
    (hook) => {
      const machine = createMachine({ A: {}, B: {}, C: {} });
      const log: string[] = [];
      let isDone = false;
      machine.trace({
        [hook]: () => {
          if (isDone) return;
          isDone = true;
          log.push(machine.add(["B", "C"]).result);
        },
      });
      machine.trace({ transitionStart: ({ mutation }) => log.push(mutation.states.join("")) });
      expect(machine.add("A")).toEqual({ result: "executed" });
      expect(log.filter((line) => line !== "queued")).toEqual(["A", "BC"]);
      expect(log).toContain("queued");
      expect(machine.queueTick).toBe(3);
    },
  );
});

describe("source of a mutation", () => {
  it("is the transition that caused it: for nested and auto ones and errors; none from outside", async () => {
    const machine = setUp({ A: {}, B: {}, Z: { auto: true, require: ["B"] } });
    const seen: Record<string, unknown> = {};
    machine.trace({
      transitionStart: ({ mutation, isAccepted }) => {
        const states = mutation.states.join();
        if (isAccepted && !(states in seen)) seen[states] = mutation.source;
      },
    });
    machine.bind({
      AState: () => void machine.add("B"),
      ZState: failOnce(),
    });
    machine.add("A");
    expect(seen).toEqual({
      A: undefined,
      B: { machineId: "m", transitionId: "m-1", timeSum: 1 },
      Z: { machineId: "m", transitionId: "m-3", timeSum: 2 },
      Exception: { machineId: "m", transitionId: "m-4", timeSum: 4 },
    });
    delete seen.A;
    await machine.eval(() => machine.add("A"));
    expect(seen.A).toBe(undefined);
  });

  it("is what the caller gives, reaches handlers, and crosses a pipe", async () => {
    const [machine, other] = [setUp({ A: {} }), setUp({ A: {} }, { id: "other" })];
    const seen: unknown[] = [];
    const given = { machineId: "elsewhere", transitionId: "elsewhere-7", timeSum: 9 };
    machine.bind({ AState: ({ source }: HandlerEvent) => void seen.push(source) });
    other.bind({ AState: ({ source }: HandlerEvent) => void seen.push(source) });
    pipe(machine, "A", other, "A");
    machine.add("A", undefined, { source: given });
    await other.when("A");
    expect(seen).toEqual([given, { machineId: "m", transitionId: "m-1", timeSum: 1 }]);
    machine.remove("A");
    machine.add("A");
    expect(seen[2]).toBe(undefined);
  });
});
