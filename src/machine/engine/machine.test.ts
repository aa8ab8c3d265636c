import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../mod.ts";
import { defineSchema } from "../schema.ts";

const SCHEMA = defineSchema({
  Exception: { multi: true },
  ErrNetwork: { require: ["Exception"] },
  Start: {},
  Ready: { require: ["Start"] },
  B: {},
});

const create = (id = "m") => createMachine(SCHEMA, { id });

describe("createMachine()", () => {
  it("makes a unique id if none is given", () => {
    const [one, other] = [createMachine(SCHEMA), createMachine(SCHEMA)];
    expect(one.id).toMatch(/^[0-9a-f]{16}$/);
    expect(one.id).not.toBe(other.id);
  });

  it.each(["handlerTimeoutMs", "handlerDeadlineMs", "handlerBackoffMs", "queueLimit"])(
    "refuses a %s that is negative or not a number",
    (option) => {
      for (const value of [-1, Number.NaN]) {
        expect(() => createMachine(SCHEMA, { [option]: value })).toThrow(
          new RangeError(`Cannot create a machine: ${option} is ${value}, not a number >= 0`),
        );
      }
    },
  );
});

describe("A call from untyped code", () => {
  it.each([
    [[undefined], "Cannot use undefined as states: neither a state's name nor a list of names"],
    [[null], "Cannot use null as states: neither a state's name nor a list of names"],
    [
      [new Set(["B"])],
      "Cannot use [object Set] as states: neither a state's name nor a list of names",
    ],
    [[[1]], "Cannot use 1 as a state: not a name"],
    [[["B", undefined]], "Cannot use undefined as a state: not a name"],
    [
      ["B", "Start"],
      'Cannot use "Start" as args: not an object; several states are one list, such as ["B", "Start"]',
    ],
    [["B", ["Start"]], "Cannot use a list as args: not an object"],
    [["B", null], "Cannot use null as args: not an object"],
    [["B", 1], "Cannot use 1 as args: not an object"],
  ])("refuses the arguments %j", (given, message) => {
    const machine = create() as unknown as Record<string, (...given: unknown[]) => unknown>;
    for (const method of ["add", "remove", "set", "toggle", "canAdd", "canRemove"])
      expect(() => machine[method]!(...given)).toThrow(new TypeError(message));
    expect((machine as unknown as Machine).queueTick).toBe(1);
  });

  it("refuses the same values in reads and waits", () => {
    const machine = create() as unknown as Record<string, (...given: unknown[]) => unknown>;
    for (const method of ["is", "not", "has", "any", "when", "whenNot", "willBe"]) {
      expect(() => machine[method]!(new Set(["B"]))).toThrow(
        /^Cannot use \[object Set\] as states/,
      );
      expect(() => machine[method]!(null)).toThrow(/^Cannot use null as states/);
    }
  });

  it.each([
    [null, "Cannot read the schema: it is null, not an object of states"],
    [undefined, "Cannot read the schema: it is undefined, not an object of states"],
    [["A"], 'Cannot read the schema: it is ["A"], not an object of states'],
    ["A", 'Cannot read the schema: it is "A", not an object of states'],
  ])("refuses the schema %j", (schema, message) => {
    expect(() => createMachine(schema as never)).toThrow(new TypeError(message));
  });

  it("refuses options that are not an object", () => {
    for (const options of [null, "door"])
      expect(() => createMachine(SCHEMA, options as never)).toThrow(
        /^Cannot create a machine: its options are .+, not an object$/,
      );
  });
});

describe("addErr()", () => {
  it("adds Exception with the error among the args, and keeps the error", () => {
    const machine = create();
    const error = new Error("made up");
    const seen: unknown[] = [];
    machine.handle({ ExceptionState: ({ args }) => void seen.push(args) });
    expect(machine.addErr(error, undefined, { more: 1 }).result).toBe("executed");
    expect(seen).toEqual([{ error, more: 1 }]);
    expect(machine.isErr).toBe(true);
    expect(machine.err).toBe(error);
  });

  it("adds an error's own state together with Exception", () => {
    const machine = create();
    expect(machine.addErr(new Error("made up"), "ErrNetwork").result).toBe("executed");
    expect(machine.activeStates()).toEqual(["Exception", "ErrNetwork"]);
    machine.remove("Exception");
    expect(machine.activeStates()).toEqual([]);
  });

  it("makes Exception tick by 2 each time, unless it is defined otherwise", () => {
    const machine = create();
    for (let i = 0; i < 3; i++) machine.addErr(new Error("made up"));
    expect(machine.tick("Exception")).toBe(5);
    const single = createMachine({ Exception: {} });
    for (let i = 0; i < 3; i++) single.addErr(new Error("made up"));
    expect(single.tick("Exception")).toBe(1);
  });

  it("keeps the error when Exception is removed, and when its mutation is canceled", () => {
    const machine = create();
    const [first, second] = [new Error("first"), new Error("second")];
    machine.addErr(first);
    machine.remove("Exception");
    expect(machine.isErr).toBe(false);
    expect(machine.err).toBe(first);
    machine.handle({ ExceptionEnter: () => false });
    expect(machine.addErr(second).result).toBe("canceled");
    expect(machine.err).toBe(second);
  });

  it("ignores undefined, null and an AbortError, but not an error that wraps one", () => {
    const errors: Error[] = [];
    const machine = createMachine(SCHEMA, { onError: (error) => errors.push(error) });
    const abort = new DOMException("gone", "AbortError");
    for (const none of [undefined, null, abort]) {
      expect(machine.addErr(none)).toEqual({ result: "canceled", rejected: { by: "no error" } });
    }
    expect(machine.queueTick).toBe(1);
    expect(machine.err).toBe(undefined);
    const wrapped = new Error("call failed", { cause: abort });
    expect(machine.addErr(wrapped).result).toBe("executed");
    expect(machine.err).toBe(wrapped);
    expect(errors).toEqual([wrapped]);
  });

  it("makes an error of any thrown value", () => {
    const machine = create();
    machine.addErr("made up");
    expect(machine.err).toMatchObject({ message: "made up", cause: "made up" });
  });

  it("queues another error within ExceptionState", () => {
    const machine = create();
    let left = 2;
    machine.handle({
      ExceptionState() {
        if (left-- > 0) expect(machine.addErr(new Error("again")).result).toBe("queued");
      },
    });
    machine.addErr(new Error("made up"));
    expect(machine.tick("Exception")).toBe(5);
  });
});

describe("onError()", () => {
  it("calls a listener with every error from then on, besides the option, until it is removed", () => {
    const log: string[] = [];
    const machine = createMachine(SCHEMA, { onError: ({ message }) => log.push(`0 ${message}`) });
    machine.handle({ ExceptionEnter: () => false });
    machine.addErr(new Error("a"));
    const stop = machine.onError(({ message }) => log.push(`1 ${message}`));
    machine.onError(({ message }) => log.push(`2 ${message}`));
    machine.addErr(new Error("b"));
    stop();
    machine.addErr(new Error("c"));
    expect(log).toEqual(["0 a", "0 b", "1 b", "2 b", "0 c", "2 c"]);
  });
});

describe("isRunning and transition", () => {
  it("show the running transition, and none between transitions", () => {
    const machine = create();
    const log: unknown[] = [];
    const note = () => void log.push([machine.isRunning, machine.transition?.mutation.states]);
    note();
    machine.handle({ BEnter: note, StartState: note });
    machine.trace({ transitionEnd: note, queueEnd: note });
    machine.add("B");
    void machine.eval(() => {
      note();
      machine.add("Start");
    });
    note();
    expect(log).toEqual([
      [false, undefined],
      [true, ["B"]],
      [true, ["B"]],
      [false, undefined],
      [true, undefined],
      [true, ["Start"]],
      [true, ["Start"]],
      [false, undefined],
      [false, undefined],
    ]);
  });
});

describe("bindings", () => {
  it("list the bound sets with the names of their handlers", () => {
    const machine = create();
    const remove = machine.handle({ AnyState() {}, BEnter: () => true, BState() {} }, { id: "x" });
    machine.handle({ B: { Start: () => true }, AnyEnter() {} });
    const second = { id: "handlers-1", names: ["BStart", "AnyEnter"] };
    expect(machine.bindings).toEqual([
      { id: "x", names: ["BEnter", "BState", "AnyState"] },
      second,
    ]);
    remove();
    expect(machine.bindings).toEqual([second]);
  });
});

describe("export() and import()", () => {
  it("carry over ticks and active states by name", () => {
    const machine = create();
    machine.add(["Start", "Ready", "B"]);
    machine.remove("B");
    const exported = machine.export();
    expect(exported).toMatchObject({ id: "m", queueTick: 3, machineTick: 0 });
    const other = createMachine(SCHEMA, {
      id: "m",
      states: ["Ready", "Start", "B", "ErrNetwork", "Exception"],
    });
    other.import(JSON.parse(JSON.stringify(exported)));
    expect(other.clock()).toEqual(machine.clock());
    expect(other.is(["Start", "Ready"])).toBe(true);
    expect(other.timeSum).toBe(4);
    expect(other.names[0]).toBe("Ready");
  });

  it("count imports in the machine tick, and keep the queue tick", () => {
    const machine = create();
    machine.import({ ...machine.export(), queueTick: 40, machineTick: 7 });
    expect(machine.machineTick).toBe(8);
    expect(machine.queueTick).toBe(1);
    machine.import(machine.export());
    expect(machine.machineTick).toBe(9);
  });

  it("resolve waits, abort state signals and call clock listeners, but no handlers", async () => {
    const machine = create();
    const source = create();
    source.add("B");
    const log: unknown[] = [];
    machine.handle({ BState: () => void log.push("handler") });
    machine.onClockChange((indexes) => log.push(machine.names[indexes[0]!]));
    const [moved, kept] = [machine.stateSignal("B"), machine.stateSignal("Start")];
    const wait = machine.when("B");
    machine.import(source.export());
    await wait;
    expect([moved.aborted, kept.aborted]).toEqual([true, false]);
    expect(log).toEqual(["B"]);
  });

  it("refuse a state that is listed twice, and change nothing", () => {
    const machine = create();
    const exported = machine.export();
    const states = [...exported.states.slice(1), exported.states[1]!];
    expect(() => machine.import({ ...exported, states })).toThrow(/is listed twice/);
    expect(machine.machineTick).toBe(0);
  });

  it("continue with transitions and auto states from the imported clock", () => {
    const schema = defineSchema({ A: {}, B: { remove: ["C"] }, C: { auto: true } });
    const source = createMachine(schema, { id: "m" });
    source.add(["A", "B"]);
    const machine = createMachine(schema, { id: "m" });
    machine.import(source.export());
    expect(machine.add("C").result).toBe("canceled");
    machine.remove("B");
    expect(machine.activeStates()).toEqual(["C", "A"]);
  });

  it("add MachineRestored afterwards, if there is such a state", () => {
    const schema = defineSchema({ A: {}, MachineRestored: { multi: true } });
    const machine = createMachine(schema, { id: "m" });
    const seen: boolean[] = [];
    machine.handle({ MachineRestoredState: () => void seen.push(machine.is("A")) });
    const source = createMachine(schema, { id: "m" });
    source.add("A");
    machine.import(source.export());
    expect(seen).toEqual([true]);
    expect(machine.is("MachineRestored")).toBe(true);
  });

  it("refuse another machine's clock, other states, and invalid ticks", () => {
    const machine = create();
    machine.add("Start");
    const exported = machine.export();
    expect(() => create("other").import(exported)).toThrow(
      'Cannot import the clock of "m": this machine is "other"',
    );
    const more = createMachine({ ...SCHEMA, C: {} }, { id: "m" });
    expect(() => more.import(exported)).toThrow(
      "Cannot import 5 states with 5 ticks: this machine has 6",
    );
    expect(() => machine.import(more.export())).toThrow('Cannot import: states "C" are unknown');
    for (const tick of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => machine.import({ ...exported, ticks: [tick, 0, 0, 0, 0] })).toThrow(
        `Cannot import: the tick of "B" is ${tick}, not an integer >= 0`,
      );
    }
    expect(machine.machineTick).toBe(0);
  });
});

describe("dispose()", () => {
  it("removes Start first, and runs its handlers", async () => {
    const machine = create();
    const log: string[] = [];
    machine.add(["Start", "Ready", "B"]);
    machine.handle({
      StartEnd: () => void log.push("StartEnd"),
      ReadyEnd: () => void log.push("ReadyEnd"),
    });
    machine.onDispose(() => log.push(`first, ${machine.isDisposed}`));
    machine.onDispose(() => log.push("second"));
    machine.trace({ machineDisposed: () => log.push("hook") });
    await machine.dispose();
    expect(log).toEqual(["StartEnd", "ReadyEnd", "hook", "first, true", "second"]);
  });

  it("leaves no state active and cancels every mutation", async () => {
    const machine = create();
    machine.add(["Start", "Ready", "B"]);
    machine.addErr(new Error("made up"));
    const queueTick = machine.queueTick + 1;
    const signal = machine.stateSignal("B");
    await machine.dispose();

    expect(signal.aborted).toBe(true);
    expect(machine.signal.aborted).toBe(true);
    expect(machine.isDisposed).toBe(true);
    expect(machine.is("B")).toBe(false);
    expect(machine.is([])).toBe(false);
    expect(machine.not("Start")).toBe(false);
    expect(machine.any("B", "Start")).toBe(false);
    expect(machine.has("B")).toBe(false);
    expect(machine.isErr).toBe(false);
    expect(machine.switch(["B", "Start"])).toBe(undefined);
    expect(machine.activeStates()).toEqual([]);
    expect(machine.activeStates(["B"])).toEqual([]);
    expect(machine.tick("B")).toBe(0);
    expect(machine.clock()).toEqual({ B: 0, ErrNetwork: 0, Exception: 0, Ready: 0, Start: 0 });
    expect(machine.toString()).toBe("()");

    const canceled = { result: "canceled", rejected: { by: "disposal of the machine" } };
    expect(machine.add("B")).toEqual(canceled);
    expect(machine.remove("B")).toEqual(canceled);
    expect(machine.set("B")).toEqual(canceled);
    expect(machine.toggle("B")).toEqual(canceled);
    expect(machine.canAdd("B")).toEqual(canceled);
    expect(machine.canRemove("B")).toEqual(canceled);
    expect(machine.addErr(new Error("late"))).toEqual(canceled);
    expect(machine.err?.message).toBe("made up");
    expect(machine.queueTick).toBe(queueTick);

    expect(machine.names).toEqual(["B", "ErrNetwork", "Exception", "Ready", "Start"]);
    expect(machine.schema).toHaveProperty("Ready");
  });

  it("leaves reads of the clock that agree: no time, no index, and no time or clock that holds", async () => {
    const machine = create();
    machine.add(["Start", "B"]);
    await machine.dispose();
    expect([machine.time(), machine.time(["B"]), [...machine.ticks]]).toEqual([[], [], []]);
    expect(machine.timeSum).toBe(0);
    expect(machine.indexOf("B")).toBe(-1);
    expect([machine.isTime([]), machine.isTime([1, 0, 0, 0, 2])]).toEqual([false, false]);
    expect([machine.wasTime([]), machine.wasTime([0, 0, 0, 0, 0])]).toEqual([false, false]);
    expect([machine.isClock({}), machine.isClock({ B: 0 })]).toEqual([false, false]);
    expect([machine.wasClock({}), machine.wasClock({ B: 0 })]).toEqual([false, false]);
  });

  it("leaves waits and signals that are over, and still refuses unknown states", async () => {
    const machine = create();
    machine.add("B");
    await machine.dispose();
    await Promise.all([machine.when("Start"), machine.whenNot("B"), machine.whenTicks("B", 2)]);
    expect(machine.stateSignal("B").aborted).toBe(true);
    expect(() => machine.when("Nope" as "B")).toThrow(/Cannot use state "Nope"/);
  });

  it("leaves nothing to import into, and no schema to set", async () => {
    const machine = create();
    const exported = machine.export();
    await machine.dispose();
    const message = /: machine "m" is disposed$/;
    expect(() => machine.import(exported)).toThrow(message);
    expect(() => machine.setSchema({ ...SCHEMA, C: {} }, ["C"])).toThrow(message);
  });

  it("leaves the clock to export", async () => {
    const machine = create();
    machine.add("B");
    await machine.dispose();
    const other = create();
    other.import(machine.export());
    expect(other.activeStates()).toEqual(["B"]);
  });

  it("waits for the queue, and happens only once", async () => {
    const machine = create();
    const log: string[] = [];
    let disposal: Promise<void> | undefined;
    machine.onDispose(() => log.push("disposed"));
    machine.handle({
      StartState() {
        machine.add("B");
        disposal = machine.dispose();
        void machine.dispose();
      },
      BState: () => void log.push("BState"),
    });
    machine.add("Start");
    expect(log).toEqual(["BState"]);
    await disposal;
    await machine.whenDisposed();
    await machine.dispose();
    expect(log).toEqual(["BState", "disposed"]);
  });

  it("follows a signal, whether handlers were bound or not", async () => {
    const controller = new AbortController();
    const machine = createMachine(SCHEMA, { signal: controller.signal });
    controller.abort();
    await machine.whenDisposed();
    expect(machine.isDisposed).toBe(true);
  });

  it("drops the handlers", async () => {
    const machine = create() as unknown as Machine;
    let calls = 0;
    machine.bind({ BState: () => void calls++ });
    machine.add("B");
    await machine.dispose();
    machine.add("B");
    expect(calls).toBe(1);
  });
});
