import { describe, expect, it } from "vitest";
import { createMachine } from "./machine.ts";

describe("Engine", () => {
  it("gives up on an auto state whose handler throws each time, and serves on", () => {
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
    // Each later change tries once.
    expect(machine.add("C").result).toBe("executed");
    expect(runs).toBe(11);
  });

  it("tries again after an auto state's handler has thrown a few times", () => {
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

  it("aborts the signals of states that an error in a final handler takes back", () => {
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
