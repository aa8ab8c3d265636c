/** What compiles and what does not: each `@ts-expect-error` fails the type check if its line compiles. */

import { describe, expect, expectTypeOf, it } from "vitest";
import {
  BASIC,
  createMachine,
  defineSchema,
  type Machine,
  MachineError,
  type MutationResult,
  mergeSchemas,
  type Schema,
  type StateName,
} from "./mod.ts";

const DOOR = defineSchema({
  Open: { remove: ["Closed"] },
  Closed: { auto: true, remove: ["Open"] },
  Locked: { require: ["Closed"] },
  ErrLock: { require: ["Exception"] },
});

const createDoor = () => createMachine(DOOR, { id: "door" });

describe("the types of a schema", () => {
  it("infer the names, and refuse a relation to a misspelt state", () => {
    expectTypeOf<StateName<typeof DOOR>>().toEqualTypeOf<
      "Open" | "Closed" | "Locked" | "ErrLock"
    >();
    // @ts-expect-error "Opne" is no state
    defineSchema({ Open: {}, Closed: { remove: ["Opne"] } });
    // @ts-expect-error "Opne" is no state
    defineSchema({ Open: {}, Closed: { require: ["Opne"] } });
    // @ts-expect-error "Opne" is no state
    defineSchema({ Open: {}, Closed: { add: ["Opne"] } });
    // @ts-expect-error "Opne" is no state
    defineSchema({ Open: {}, Closed: { after: ["Opne"] } });
    // @ts-expect-error the property is "auto"
    defineSchema({ Open: { automatic: true } });
    // @ts-expect-error the property is "require"
    defineSchema({ Open: { auto: true, requires: ["Closed"] }, Closed: {} });
    expect(Object.keys(DOOR)).toContain("Locked");
  });

  it("do the same for a schema written in place", () => {
    const machine = createMachine({ A: { require: ["B"] }, B: {}, C: {} });
    expectTypeOf(machine).toEqualTypeOf<Machine<"A" | "B" | "C" | "Exception">>();
    // @ts-expect-error "D" is no state
    createMachine({ A: { require: ["D"] }, B: {} });
    // @ts-expect-error the property is "require"
    expect(() => createMachine({ A: { auto: true, requires: ["B"] }, B: {} })).toThrow(TypeError);
    expect(machine.names).toEqual(["A", "B", "C", "Exception"]);
  });

  it("give the names of all schemas that are merged", () => {
    const machine = createMachine(mergeSchemas(BASIC, DOOR));
    expect(machine.has(["Start", "Open"])).toBe(true);
    // @ts-expect-error "Strat" is no state
    expect(machine.has("Strat")).toBe(false);
  });

  it("infer no names from the index order", () => {
    const schema: Schema = { Foo: {}, Bar: {} };
    const machine = createMachine(schema, { states: ["Foo", "Bar", "Exception"] });
    expectTypeOf(machine).toEqualTypeOf<Machine<string>>();
    expect(machine.names[0]).toBe("Foo");
  });

  it("leave a schema known only at run time to the machine", () => {
    const machine = createMachine(JSON.parse('{"Foo":{}}') as Record<string, object>);
    expect(machine.add("Foo").result).toBe("executed");
    expect(() => machine.add("Bar")).toThrow(MachineError);
  });
});

describe("the types of a machine", () => {
  it("refuse a misspelt state in each mutation", () => {
    const door = createDoor();
    // @ts-expect-error "Opne" is no state
    expect(() => door.add("Opne")).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.add(["Open", "Opne"])).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.remove("Opne")).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.set(["Opne"])).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.toggle("Opne")).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.canAdd("Opne")).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.addErr(new Error("made up"), "Opne")).toThrow(MachineError);
    expect(door.add("Exception").result).toBe("executed");
  });

  it("refuse a misspelt state in each read and wait", () => {
    const door = createDoor();
    // @ts-expect-error "Opne" is no state
    expect(door.is("Opne")).toBe(false);
    // @ts-expect-error "Opne" is no state
    expect(() => door.not(["Opne"])).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(door.tick("Opne")).toBe(0);
    // @ts-expect-error "Opne" is no state
    expect(() => door.when("Opne")).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.whenNot(["Opne"])).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    void door.whenTime({ Opne: 1 });
    // @ts-expect-error "Opne" is no state
    void door.whenTicks("Opne", 1);
    // @ts-expect-error "Opne" is no state
    expect(() => door.whenArgs("Opne", {})).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.stateSignal("Opne")).toThrow(MachineError);
    expectTypeOf(door.activeStates()).toEqualTypeOf<
      ("Open" | "Closed" | "Locked" | "ErrLock" | "Exception")[]
    >();
  });

  it("refuse an index order with a state that is not in the schema", () => {
    // @ts-expect-error "Opne" is no state
    expect(() => createMachine(DOOR, { states: ["Opne"] })).toThrow(MachineError);
  });

  it("narrow a result by its outcome", () => {
    const result: MutationResult<"Open" | "Closed"> = createMachine({ Open: {}, Closed: {} }).add(
      "Open",
    ) as MutationResult<"Open" | "Closed">;
    // @ts-expect-error only a canceled result has a reason
    expect(result.rejected).toBeUndefined();
    if (result.result === "canceled") {
      expectTypeOf(result.rejected.state).toEqualTypeOf<"Open" | "Closed" | undefined>();
    }
    if (result.result === "queued") expectTypeOf(result.queueTick).toEqualTypeOf<number>();
  });
});

describe("the types of handlers", () => {
  it("derive the names from the states", () => {
    const door = createDoor();
    door.handle({
      OpenEnter: () => true,
      LockedExit({ state, machine }) {
        expectTypeOf(machine.is).toBeCallableWith("Open");
        expectTypeOf(state).toEqualTypeOf<
          "Open" | "Closed" | "Locked" | "ErrLock" | "Exception" | undefined
        >();
        return false;
      },
      async OpenState({ signal }) {
        expectTypeOf(signal).toEqualTypeOf<AbortSignal>();
      },
      ClosedEnd() {},
      Open: { Closed: () => true, Open: () => undefined },
      AnyEnter() {},
      AnyState() {},
    });
    // @ts-expect-error "Opne" is no state
    expect(() => door.handle({ OpneEnter() {} })).toThrow(MachineError);
    // @ts-expect-error "Enters" is no kind of handler
    expect(() => door.handle({ OpenEnters() {} })).toThrow(MachineError);
    // @ts-expect-error "Opne" is no state
    expect(() => door.handle({ Opne: { Closed: () => true } })).toThrow(MachineError);
    // @ts-expect-error "Close" is no state
    expect(() => door.handle({ Open: { Close: () => true } })).toThrow(MachineError);
  });

  it("refuse negotiation handlers that are async or return anything but a verdict", () => {
    const door = createDoor();
    // @ts-expect-error a promise is no verdict
    expect(() => door.handle({ OpenEnter: async () => true })).toThrow(MachineError);
    // @ts-expect-error neither is a word
    door.handle({ OpenExit: () => "yes" });
    // @ts-expect-error a final handler has no say
    door.handle({ OpenState: () => false });
    expect(door.tracers).toEqual([]);
  });
});

describe("withArgs()", () => {
  const createTyped = () =>
    createDoor().withArgs<{ Open: { who: string }; Locked: { key?: number } }>();

  it("types the args of a state in its mutations", () => {
    const door = createTyped();
    door.add("Open", { who: "Ada" });
    door.add("Closed", { anything: 1 });
    // @ts-expect-error "who" is a string
    door.add("Open", { who: 1 });
    // @ts-expect-error "whom" is none of its args
    door.add("Open", { whom: "Ada" });
    // @ts-expect-error "key" is a number
    door.add("Locked", { key: "gold" });
    expect(door.is("Open")).toBe(true);
  });

  it("types the args that its handlers see", () => {
    const door = createTyped();
    const seen: (string | undefined)[] = [];
    door.handle({
      OpenState({ args }) {
        expectTypeOf(args).toEqualTypeOf<{ who: string } | undefined>();
        // @ts-expect-error "whom" is none of its args
        seen.push(args?.who, args?.whom);
      },
      ClosedState({ args }) {
        expectTypeOf(args).toEqualTypeOf<Record<string, unknown> | undefined>();
      },
    });
    door.add("Open", { who: "Ada" });
    expect(seen).toEqual(["Ada", undefined]);
  });

  it("requires args with a required property in an add or set, but in no other mutation", () => {
    const door = createTyped();
    // @ts-expect-error "who" is missing
    door.add("Open");
    // @ts-expect-error "who" is missing
    door.set("Open", {});
    // @ts-expect-error "who" is missing
    door.add("Open", undefined, { context: 1 });
    door.add("Locked");
    door.add(["Open", "Closed"]);
    door.add("Locked", undefined, { context: 1 });
    door.toggle("Open");
    door.remove("Open");
    expect(door.canAdd("Closed").result).toBe("executed");
  });

  it("requires no args of a state that it names as optional", () => {
    const door = createDoor().withArgs<{ Open?: { who: string } }>();
    door.add("Open");
    door.add("Open", { who: "Ada" });
    // @ts-expect-error "who" is a string
    door.add("Open", { who: 1 });
    expect(door.is("Open")).toBe(true);
  });

  it("types the args of mutations that handlers make, and of waits for args", async () => {
    const door = createTyped();
    door.handle({
      ClosedState({ machine }) {
        machine.add("Open", { who: "Ada" });
        // @ts-expect-error "who" is missing
        machine.add("Open");
      },
      AnyEnter({ machine }) {
        expectTypeOf(machine.remove<"Locked">)
          .parameter(1)
          .toEqualTypeOf<{ key?: number } | undefined>();
      },
    });
    const wait = door.whenArgs("Open", { who: "Ada" });
    // @ts-expect-error "who" is a string
    void door.whenArgs("Open", { who: 1 });
    void door.whenArgs("Locked", {});
    door.add("Closed");
    await wait;
    expect(door.is("Open")).toBe(true);
  });

  it("refuses args for a state that the machine lacks", () => {
    // @ts-expect-error "Opne" is no state
    const door = createDoor().withArgs<{ Opne: { who: string } }>();
    expect(door.id).toBe("door");
  });
});
