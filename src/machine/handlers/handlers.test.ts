import { describe, expect, it } from "vitest";
import { bind, type Handler, recordAll, setUp } from "../_setup.ts";

describe("Handlers", () => {
  it("run in the order of the phases: exits, enters, pairs, AnyEnter, ends, states, AnyState", () => {
    const machine = setUp();
    machine.add(["A", "B"]);
    const log = recordAll(machine);
    machine.add("C");
    expect(log.join(" ")).toBe("AExit BExit CEnter AC BC AnyEnter AEnd BEnd CState AnyState");
  });

  it("of a state paired with itself run if it is active and stays, before those of other pairs", () => {
    const machine = setUp({ A: {}, B: {} });
    machine.add("A");
    const log = recordAll(machine);
    machine.add("B");
    expect(log.join(" ")).toBe("BEnter AA AB AnyEnter BState AnyState");
  });

  it("of a state paired with itself do not run on a remove; pairs from leaving to staying states do", () => {
    const machine = setUp();
    machine.add(["A", "B"]);
    const log = recordAll(machine);
    machine.remove("B");
    expect(log.join(" ")).toBe("BExit BA AnyEnter BEnd AnyState");
  });

  it("of pairs run for every active state and every state of the target, including those that stay", () => {
    const machine = setUp({ A: {}, B: {}, C: {} });
    machine.add(["A", "B"]);
    const log = recordAll(machine);
    machine.add("C");
    expect(log.join(" ")).toBe("CEnter AA BB AC AB BC BA AnyEnter CState AnyState");
  });

  it("of a multi state run again when it is called again", () => {
    const machine = setUp();
    machine.add("M");
    const log = recordAll(machine);
    machine.add("M");
    expect(log.join(" ")).toBe("MEnter MM AnyEnter MState AnyState");
    log.length = 0;
    machine.add("A");
    expect(log).not.toContain("MEnter");
  });

  it("see the old states in negotiation and the new states afterwards, in End as well", () => {
    const machine = setUp();
    machine.add("A");
    const seen: string[] = [];
    const look: Handler = ({ name }) => void seen.push(`${name} ${machine}`);
    bind(machine, { AExit: look, CEnter: look, AnyEnter: look, AEnd: look, CState: look });
    machine.add("C");
    expect(seen).toEqual([
      "AExit (A:1)",
      "CEnter (A:1)",
      "AnyEnter (A:1)",
      "AEnd (C:1)",
      "CState (C:1)",
    ]);
  });

  it("share the args of a mutation, and may write to them", () => {
    const machine = setUp();
    const seen: unknown[] = [];
    bind(machine, {
      AEnter: ({ args }) => void Object.assign(args!, { entered: true }),
      AState: ({ args }) => void seen.push({ ...args }),
    });
    const args = { id: 1 };
    machine.add("A", args);
    expect(seen).toEqual([{ id: 1, entered: true }]);
    expect(args).toEqual({ id: 1, entered: true });
  });

  it("of an auto mutation have no args", () => {
    const machine = setUp({ A: {}, B: { auto: true } });
    const seen: unknown[] = [];
    bind(machine, { BState: ({ args }) => void seen.push(args) });
    machine.add("A", { id: 1 });
    expect(seen).toEqual([undefined]);
  });

  it("receive their name, state, mutation type and whether it is a check", () => {
    const machine = setUp();
    machine.add("B");
    const seen: unknown[] = [];
    const look: Handler = ({ name, state, mutationType, isCheck, isValid }) =>
      void seen.push([name, state, mutationType, isCheck, isValid]);
    bind(machine, { AEnter: look, B: { A: look }, AnyEnter: look, AState: look, BExit: look });
    machine.canRemove("B");
    machine.add("A");
    expect(seen).toEqual([
      ["BExit", "B", "remove", true, true],
      ["AnyEnter", undefined, "remove", true, true],
      ["AEnter", "A", "add", false, true],
      ["BA", "A", "add", false, true],
      ["AnyEnter", undefined, "add", false, true],
      ["AState", "A", "add", false, true],
    ]);
  });

  it("that veto cancel the transition and stop later handlers; those that return nothing accept", () => {
    for (const name of ["AExit", "CEnter", "AC", "AnyEnter"]) {
      const machine = setUp();
      machine.add("A");
      const log = recordAll(machine);
      bind(machine, { [name]: () => false });
      expect(machine.add("C").result).toBe("canceled");
      expect(log.at(-1)).toBe(name);
      expect(machine.activeStates()).toEqual(["A"]);
    }
  });

  it("that are final cannot veto", () => {
    const machine = setUp();
    machine.add("A");
    bind(machine, { AEnd: () => false, CState: () => false, AnyState: () => false });
    expect(machine.add("C").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["C"]);
  });

  it("of a pair cannot veto if the pair's name ends like that of a final handler", () => {
    const machine = setUp({ A: {}, BEnd: {} });
    machine.add("A");
    bind(machine, { ABEnd: () => false });
    expect(machine.add("BEnd").result).toBe("executed");
  });
});

describe("bind()", () => {
  it("calls several sets in their order, and none after a veto", () => {
    const machine = setUp();
    const log: string[] = [];
    let vetoes = false;
    bind(machine, { AEnter: () => void log.push("first") });
    bind(machine, {
      AEnter: () => {
        log.push("second");
        return !vetoes;
      },
    });
    bind(machine, { AEnter: () => void log.push("third"), AState: () => void log.push("state") });
    machine.add("A");
    machine.remove("A");
    vetoes = true;
    machine.add("A");
    expect(log).toEqual(["first", "second", "third", "state", "first", "second"]);
  });

  it("returns a function that removes only its set, and only once", () => {
    const machine = setUp();
    const log: string[] = [];
    const first = bind(machine, { MState: () => void log.push("first") }, { id: "same" });
    bind(machine, { MState: () => void log.push("second") }, { id: "same" });
    first();
    first();
    machine.add("M");
    expect(log).toEqual(["second"]);
  });

  it("binds only names with the given prefix, and strips it once", () => {
    const machine = setUp({ A: {}, FooA: {} });
    const log: string[] = [];
    const handlers = {
      FooAState: () => void log.push("FooAState"),
      FooFooAState: () => void log.push("FooFooAState"),
      AState: () => void log.push("AState"),
      AnyState: () => void log.push("AnyState"),
    };
    bind(machine, handlers, { prefix: "Foo" });
    machine.add("A");
    machine.add("FooA");
    expect(log).toEqual(["FooAState", "FooFooAState"]);
  });

  it("binds the methods of an instance, with their this", () => {
    class Doors {
      opened = 0;
      AEnter() {
        return this.opened < 1;
      }
      AState() {
        this.opened++;
      }
    }
    const machine = setUp();
    const doors = new Doors();
    bind(machine, doors as unknown as Record<string, Handler>);
    machine.add("A");
    machine.remove("A");
    expect(machine.add("A").result).toBe("canceled");
    expect(doors.opened).toBe(1);
  });

  it.each(["AEnter", "AExit", "AnyEnter", "AC"])("refuses an async %s", (name) => {
    const machine = setUp();
    const message = `Cannot bind handler "${name}": it is async, and a handler that can veto must return its verdict at once`;
    expect(() => bind(machine, { [name]: async () => false })).toThrow(message);
    if (name === "AC")
      expect(() => bind(machine, { A: { C: async () => false } })).toThrow(message);
    machine.add("A");
    expect(machine.add("C").result).toBe("executed");
  });

  it("takes a class with helpers, fields and getters, and evaluates no getter", () => {
    class Doors {
      readonly log: string[] = [];
      readonly cache = { size: 1 };
      get busy(): boolean {
        throw new Error("evaluated");
      }
      AState() {
        this.note("A");
      }
      note(what: string) {
        this.log.push(what);
      }
    }
    const machine = setUp();
    const doors = new Doors();
    machine.handle(doors as object);
    machine.add("A");
    expect(doors.log).toEqual(["A"]);
  });

  it("refuses a class with a misspelt handler, a getter for a handler, and a helper in a plain object", () => {
    const machine = setUp();
    class Misspelt {
      AaState() {}
    }
    expect(() => machine.handle(new Misspelt() as object)).toThrow(
      /^Cannot bind handler "AaState"/,
    );
    const getter = {
      get AState() {
        throw new Error("evaluated");
      },
    };
    expect(() => machine.bind(getter)).toThrow(
      'Cannot bind handler "AState": it is a getter, not a function',
    );
    expect(() => bind(machine, { note() {} })).toThrow(/^Cannot bind handler "note"/);
  });

  it("refuses a pair that is not a function", () => {
    expect(() => setUp().bind({ A: { C: true } })).toThrow(
      'Cannot bind handler "AC": it is true, not a function',
    );
  });

  it.each([null, undefined, "AState", 1])("refuses %j in place of handlers", (handlers) => {
    expect(() => setUp().bind(handlers as never)).toThrow(
      new TypeError(`Cannot bind handlers: ${handlers} is not an object`),
    );
  });

  it("refuses a name that fits no state, and suggests the nearest one", () => {
    const machine = setUp({ Ready: {} });
    expect(() => bind(machine, { RedyEnter() {} })).toThrow(
      /^Cannot bind handler "RedyEnter": .* the nearest are "ReadyEnter"/,
    );
    expect(() => bind(machine, { Redy: { Ready() {} } })).toThrow(/^Cannot bind handler "Redy"/);
    expect(() => bind(machine, { Ready: { Redy() {} } })).toThrow(/^Cannot bind handler "Redy"/);
  });

  it("refuses AnyExit and AnyEnd, which no transition calls, unless there is a state Any", () => {
    for (const name of ["AnyExit", "AnyEnd"]) {
      expect(() => bind(setUp(), { [name]() {} })).toThrow(
        `Cannot bind handler "${name}": a transition calls only AnyEnter and AnyState for any state`,
      );
    }
    const machine = setUp({ Any: {} });
    const log: string[] = [];
    bind(machine, { AnyEnd: () => void log.push("end"), AnyExit: () => void log.push("exit") });
    machine.add("Any");
    machine.remove("Any");
    expect(log).toEqual(["exit", "end"]);
  });

  it("adds the error again at the first binding while Exception is active", () => {
    const machine = setUp();
    const error = new Error("made up");
    machine.addErr(error);
    const seen: unknown[] = [];
    bind(machine, { ExceptionState: ({ args }) => void seen.push(args?.error) });
    bind(machine, { ExceptionState: () => void seen.push("second") });
    expect(seen).toEqual([error]);
    expect(machine.tick("Exception")).toBe(3);
  });
});
