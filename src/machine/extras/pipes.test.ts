import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "../mod.ts";
import { defineSchema } from "../schema.ts";
import { BASIC } from "./base_schemas.ts";
import {
  pipe,
  pipeAny,
  pipeConnected,
  pipeErr,
  pipeMany,
  pipeReady,
  pipeStart,
  syncStates,
} from "./pipes.ts";

const SWITCHES = defineSchema({ A: {}, B: {}, C: { multi: true } });
const TARGET = defineSchema({
  X: { multi: true },
  Y: {},
  ErrOther: { require: ["Exception"] },
});

/** Lets the microtasks of pipes run. */
async function settle(): Promise<void> {
  await Promise.resolve();
}

/** Types and states of the mutations that a machine runs, with their args. */
function record(machine: Machine<never>): string[] {
  const log: string[] = [];
  machine.trace({
    transitionEnd({ mutation: { type, states, args } }) {
      log.push(`${type} ${states.join()}${args === undefined ? "" : ` ${JSON.stringify(args)}`}`);
    },
  });
  return log;
}

function createPair() {
  const source = createMachine(SWITCHES, { id: "source" });
  const target = createMachine(TARGET, { id: "target" });
  return { source, target, log: record(target as unknown as Machine<never>) };
}

describe("pipe()", () => {
  it("adds and removes with the source's args, after its transition", async () => {
    const { source, target, log } = createPair();
    pipe(source, "A", target, "Y");
    source.add("A", { why: 1 });
    expect(log).toEqual([]);
    await settle();
    expect(target.is("Y")).toBe(true);
    source.remove("A", { why: 2 });
    await settle();
    expect(target.is("Y")).toBe(false);
    expect(log).toEqual(['add Y {"why":1}', 'remove Y {"why":2}']);
  });

  it("pipes only one direction, or two different states", async () => {
    const { source, log, target } = createPair();
    pipe(source, "A", target, { added: "X" });
    pipe(source, "B", target, { added: "Y", removed: "X" });
    source.add(["A", "B"]);
    source.remove(["A", "B"]);
    await settle();
    expect(log).toEqual(["add X", "add Y", "remove X"]);
  });

  it("adds Exception together with a state whose name begins with Err", async () => {
    const { source, target, log } = createPair();
    pipe(source, "A", target, "ErrOther");
    source.add("A");
    await settle();
    expect(target.is(["ErrOther", "Exception"])).toBe(true);
    source.remove("A");
    await settle();
    expect(target.activeStates()).toEqual(["Exception"]);
    expect(log).toEqual(["add ErrOther,Exception", "remove ErrOther"]);
  });

  it("mutates a flat target at once, without args, and only if that changes the state", () => {
    const { source, target, log } = createPair();
    pipe(source, "C", target, "X", { isFlat: true });
    source.add("C", { why: 1 });
    source.add("C", { why: 2 });
    expect(target.tick("X")).toBe(1);
    source.remove("C");
    source.add("A");
    expect(log).toEqual(["add X", "remove X"]);
  });

  it("repeats a multi state in the target unless it is flat", async () => {
    const { source, target } = createPair();
    pipe(source, "C", target, "X");
    source.add("C");
    source.add("C");
    await settle();
    expect(target.tick("X")).toBe(3);
  });

  it("never affects the source: a mutation that the target cancels is lost", async () => {
    const { source, target } = createPair();
    target.handle({ YEnter: () => false });
    pipe(source, "A", target, "Y");
    expect(source.add("A").result).toBe("executed");
    await settle();
    expect(target.is("Y")).toBe(false);
    expect(source.isErr).toBe(false);
  });

  it("queues a flat pipe of a machine to itself", () => {
    const machine = createMachine(SWITCHES);
    pipe(machine, "A", machine, "B", { isFlat: true });
    machine.add("A");
    expect(machine.is(["A", "B"])).toBe(true);
  });

  it("stops when it is removed", async () => {
    const { source, target } = createPair();
    const stop = pipe(source, "A", target, "Y");
    stop();
    source.add("A");
    await settle();
    expect(target.is("Y")).toBe(false);
  });

  it("refuses unknown states on either side, and a disposed target", async () => {
    const { source, target } = createPair();
    expect(() => pipe(source, "D" as "A", target, "X")).toThrow(
      'machine "source" does not have it',
    );
    expect(() => pipe(source, "A", target, "Z" as "X")).toThrow(
      'machine "target" does not have it',
    );
    await target.dispose();
    expect(() => pipe(source, "A", target, "X")).toThrow(
      'Cannot pipe states: machine "target" is disposed',
    );
  });
});

describe("pipeMany()", () => {
  it("pipes several states in one binding", async () => {
    const { source, target } = createPair();
    const bindings = new Set<string>();
    source.trace({ handlerStart: (_, bindingId) => void bindings.add(bindingId) });
    pipeMany(source, target, { A: "X", B: { added: "Y" } });
    source.add(["A", "B"]);
    await settle();
    expect(target.is(["X", "Y"])).toBe(true);
    source.remove(["A", "B"]);
    await settle();
    expect(target.activeStates()).toEqual(["Y"]);
    expect(bindings.size).toBe(1);
  });
});

describe("pipeAny()", () => {
  it("sets the target to the source's active states, unless it has them already", async () => {
    const source = createMachine(SWITCHES);
    const target = createMachine(SWITCHES);
    target.add("B");
    const log = record(target as unknown as Machine<never>);
    pipeAny(source, target);
    source.add(["A", "C"]);
    await settle();
    expect(target.activeStates(target.names)).toEqual(["A", "C"]);
    source.add("A");
    await settle();
    expect(log).toHaveLength(1);
    source.remove(["A", "C"]);
    await settle();
    expect(target.activeStates()).toEqual([]);
  });

  it("follows a source that returns to the target's states before the target is set", async () => {
    const source = createMachine(SWITCHES);
    const target = createMachine(SWITCHES);
    pipeAny(source, target);
    source.add("A");
    source.remove("A");
    await settle();
    expect(target.activeStates()).toEqual([]);
  });

  it("refuses a target that lacks a state of the source", () => {
    const { source, target } = createPair();
    expect(() => pipeAny(source, target as unknown as typeof source)).toThrow(
      'Cannot use state "A": machine "target" does not have it',
    );
  });
});

describe("presets", () => {
  it("pipe Start, Ready and errors", async () => {
    const source = createMachine(BASIC);
    const target = createMachine(BASIC);
    pipeStart(source, target);
    pipeReady(source, target);
    pipeErr(source, target, "ErrNetwork");
    source.add("Start");
    source.add("Ready");
    await settle();
    expect(target.is(["Start", "Ready"])).toBe(true);
    const error = new Error("cable cut");
    source.addErr(error);
    await settle();
    expect(target.is(["ErrNetwork", "Exception"])).toBe(true);
    expect(target.err).toBe(error);
  });

  it("pipe a connection to prefixed states", async () => {
    const connection = { Connecting: {}, Connected: {}, Disconnecting: {}, Disconnected: {} };
    const source = createMachine(connection);
    const target = createMachine({
      DbConnecting: {},
      DbConnected: {},
      DbDisconnecting: {},
      DbDisconnected: {},
    });
    pipeConnected(source, target, "Db");
    source.add("Connected");
    await settle();
    expect(target.activeStates()).toEqual(["DbConnected"]);
  });
});

describe("syncStates()", () => {
  it("adds the active states, removes the others, and counts both", () => {
    const { source, target, log } = createPair();
    source.add("A");
    target.add("Y");
    log.length = 0;
    expect(syncStates(source, target, ["A", "B"], ["X", "Y"])).toEqual({ added: 1, removed: 1 });
    expect(target.activeStates()).toEqual(["X"]);
    expect(log).toEqual(["add X", "remove Y"]);
  });

  it("refuses lists of different length", () => {
    const { source, target } = createPair();
    expect(() => syncStates(source, target, ["A"], [])).toThrow(RangeError);
  });
});
