import { describe, expect, it } from "vitest";
import { ABC, bind, fail, failOnce, recordAll, setUp } from "../_setup.ts";
import type { MachineOptions } from "../machine_options.ts";
import { createMachine } from "../mod.ts";

/** Resolves when what follows from the end of a promise has run. */
async function settled(promise: Promise<unknown>): Promise<void> {
  await promise.catch(() => {});
  for (let turn = 0; turn < 5; turn++) await null;
}

const ORDER = ["A", "B", "C", "M", "Exception"];

describe("A handler that throws", () => {
  it("in negotiation cancels and changes nothing; Exception is added next", () => {
    const machine = setUp();
    const error = new Error("made up");
    const seen: unknown[] = [];
    bind(machine, {
      AEnter() {
        throw error;
      },
      ExceptionState: ({ args }) => void seen.push(args),
    });
    expect(machine.add(["A", "B"]).result).toBe("canceled");
    expect(machine.activeStates()).toEqual(["Exception"]);
    expect(machine.err).toBe(error);
    expect(seen).toEqual([{ error, handler: "AEnter", transitionId: "m-1", states: ["A", "B"] }]);
  });

  it("in State rolls back its own state and later ones, but restores none that left", () => {
    const machine = setUp({ ...ABC, C: {} }, { states: ORDER });
    bind(machine, { BState: fail });
    expect(machine.add(["A", "B", "C"]).result).toBe("canceled");
    expect(machine.time()).toEqual([1, 2, 2, 0, 1]);

    const leaving = setUp(ABC, { states: ORDER });
    leaving.add("A");
    bind(leaving, { CState: fail });
    leaving.add("C");
    expect(leaving.time()).toEqual([2, 0, 2, 0, 1]);
  });

  it("in End or AnyState rolls nothing back; later handlers do not run", () => {
    const machine = setUp(ABC, { states: ORDER });
    machine.add("A");
    const log = recordAll(machine);
    bind(machine, { AEnd: fail });
    expect(machine.add("C").result).toBe("canceled");
    expect(log).not.toContain("CState");
    expect(machine.time()).toEqual([2, 0, 1, 0, 1]);

    const any = setUp(ABC, { states: ORDER });
    bind(any, { AnyState: failOnce() });
    expect(any.add("A").result).toBe("canceled");
    expect(any.time()).toEqual([1, 0, 0, 0, 1]);
  });

  it("makes called multi states that stay tick by 2 per rollback: twice in State and End, once in AnyState", () => {
    const machine = setUp(
      { A: {}, B: {}, M: { multi: true } },
      { states: ["M", "A", "B", "Exception"] },
    );
    bind(machine, { BState: fail });
    machine.add(["M", "A", "B"]);
    expect(machine.time()).toEqual([5, 1, 2, 1]);

    const ends = setUp(ABC, { states: ORDER });
    ends.add("A");
    bind(ends, { AEnd: fail });
    ends.set("M");
    expect(ends.tick("M")).toBe(5);

    const any = setUp(ABC, { states: ORDER });
    bind(any, { AnyState: failOnce() });
    any.add("M");
    expect(any.tick("M")).toBe(3);
  });

  it("in State of a multi state that was called again deactivates it", () => {
    const machine = setUp();
    machine.add("M");
    bind(machine, { MState: fail });
    machine.add("M");
    expect(machine.tick("M")).toBe(4);
  });

  it("leaves auto states to the transition that adds Exception", () => {
    const machine = setUp({ A: {}, B: {}, Z: { auto: true } });
    const log: string[] = [];
    machine.trace({ transitionStart: ({ mutation }) => log.push(mutation.states.join()) });
    bind(machine, { BState: fail });
    machine.add(["A", "B"]);
    expect(log).toEqual(["A,B", "Exception", "Z"]);
    expect(machine.is(["A", "Z", "Exception"])).toBe(true);
  });

  it("for Exception cancels, keeps the error and adds no further one; the machine keeps working", () => {
    const machine = setUp();
    bind(machine, {
      ExceptionState() {
        throw new Error("second");
      },
    });
    expect(machine.addErr(new Error("first")).result).toBe("canceled");
    expect(machine.err?.message).toBe("second");
    expect(machine.tick("Exception")).toBe(2);
    expect(machine.add("A").result).toBe("executed");
  });

  it("by a promise where it can veto cancels; the promise's own error is kept too", async () => {
    const errors: string[] = [];
    const machine = setUp(ABC, { onError: ({ message }) => errors.push(message) });
    bind(machine, { AEnter: () => Promise.reject(new Error("made up")) });
    expect(machine.add("A")).toEqual({
      result: "canceled",
      rejected: { state: "A", by: expect.stringMatching(/^error in handler AEnter: /) },
    });
    expect(machine.activeStates()).toEqual(["Exception"]);
    expect(machine.err).toMatchObject({ code: "invalid_argument" });
    await null;
    expect(errors).toEqual([
      'Cannot wait for handler "AEnter" of "m": it returned a promise, and a handler that can veto must return its verdict at once',
      "made up",
    ]);
  });

  it("asynchronously adds an error, unless its state has changed since", async () => {
    const machine = setUp();
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let calls = 0;
    bind(machine, {
      async MState() {
        await gates[calls++]!.promise;
      },
    });
    machine.add("M");
    machine.add("M");
    gates[0]!.reject(new Error("of a past tick"));
    await machine.whenTime({ M: 3 });
    await null;
    expect(machine.isErr).toBe(false);
    const failed = machine.whenErr();
    gates[1]!.reject(new Error("made up"));
    await failed;
    expect(machine.err?.message).toBe("made up");
    expect(machine.is("M")).toBe(true);
  });
});

describe("The error of an async handler whose state has changed since", () => {
  it("is kept and reaches onError, but is not added", async () => {
    const errors: string[] = [];
    const machine = setUp(ABC, { onError: ({ message }) => errors.push(message) });
    const gate = Promise.withResolvers<void>();
    bind(machine, { AState: () => gate.promise });
    machine.add("A");
    machine.remove("A");
    gate.reject(new Error("made up"));
    await settled(gate.promise);
    expect(errors).toEqual(["made up"]);
    expect(machine.err?.message).toBe("made up");
    expect(machine.isErr).toBe(false);
  });

  it("is none if the handler only stopped because its signal aborted", async () => {
    const errors: Error[] = [];
    const machine = setUp(ABC, { onError: (error) => errors.push(error) });
    const gate = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    bind(machine, {
      async AState({ signal }) {
        signals.push(signal);
        await gate.promise;
        signal.throwIfAborted();
      },
    });
    machine.add("A");
    machine.remove("A");
    gate.resolve();
    await settled(gate.promise);
    expect(signals[0]!.aborted).toBe(true);
    expect(errors).toEqual([]);
  });
});

describe("A handler that takes too long", () => {
  function withClock(options: MachineOptions = {}) {
    let nowMs = 0;
    const machine = setUp(
      { ...ABC, C: {} },
      { states: ORDER, now: () => nowMs, handlerTimeoutMs: 100, ...options },
    );
    return {
      machine,
      pass: (ms: number) => {
        nowMs += ms;
      },
    };
  }

  it("cancels when it returns, without Exception; in State it rolls back like an error", () => {
    const { machine, pass } = withClock();
    bind(machine, { BState: () => pass(101), AEnter: () => pass(100) });
    const log = recordAll(machine);
    expect(machine.add(["A", "B", "C"])).toEqual({
      result: "canceled",
      rejected: { state: "B", by: "timeout of handler BState" },
    });
    expect(machine.time()).toEqual([1, 2, 2, 0, 0]);
    expect(machine.err).toMatchObject({ code: "handler_timeout" });
    expect(log).not.toContain("CState");
    expect(log).not.toContain("AnyState");
  });

  it("in AnyState rolls nothing back", () => {
    const { machine, pass } = withClock();
    bind(machine, { AnyState: () => pass(101) });
    expect(machine.add("A").result).toBe("canceled");
    expect(machine.time()).toEqual([1, 0, 0, 0, 0]);
  });

  it("beyond the deadline empties the queue, adds an error and refuses all mutations but Set for a while", () => {
    const { machine, pass } = withClock({ handlerDeadlineMs: 1_000, handlerBackoffMs: 500 });
    const results: string[] = [];
    bind(machine, {
      AState() {
        results.push(machine.add("B").result);
        pass(1_000);
      },
    });
    expect(machine.add("A").result).toBe("canceled");
    expect(results).toEqual(["queued"]);
    expect(machine.activeStates()).toEqual(["Exception"]);
    expect(machine.err).toMatchObject({
      code: "handler_timeout",
      message: 'Handler "AState" of "m" ran for 1000 ms',
    });

    const refused = { result: "canceled", rejected: { by: "backoff after a handler's deadline" } };
    pass(499);
    expect(machine.add("B")).toEqual(refused);
    expect(machine.remove("Exception")).toEqual(refused);
    expect(machine.canAdd("B")).toEqual(refused);
    expect(machine.addErr(new Error("made up"))).toEqual(refused);
    expect(machine.set("C").result).toBe("executed");
    pass(1);
    expect(machine.add("B").result).toBe("executed");
    expect(machine.queueTick).toBe(5);
  });
});

describe("A deadline that empties the queue", () => {
  it("resolves the waits for the dropped mutations", async () => {
    let nowMs = 0;
    const machine = createMachine(
      { A: {}, B: {}, C: {} },
      { now: () => nowMs, handlerTimeoutMs: 10, handlerDeadlineMs: 100 },
    );
    const waits: Promise<void>[] = [];
    machine.handle({
      AState() {
        waits.push(machine.whenQueue(machine.add("B")), machine.whenQueue(machine.add("C")));
        nowMs += 1_000;
      },
    });
    machine.add("A");
    await Promise.all(waits);
    expect(machine.toStringAll()).toBe("(Exception:1) [A:2 B:0 C:0]");
  });
});
