import { describe, expect, it } from "vitest";
import type { Tracer } from "../machine.ts";
import { createMachine, type Machine } from "../mod.ts";
import type { Mutation } from "../mutation.ts";
import { defineSchema } from "../schema.ts";

const SCHEMA = defineSchema({
  A: {},
  B: { auto: true },
  C: { require: ["A"] },
  M: { multi: true },
});
const ORDER = ["A", "B", "C", "M", "Exception"] as const;

function describeMutation({ type, states, isAuto, isCheck }: Mutation): string {
  return `${isCheck ? "check " : ""}${isAuto ? "auto " : ""}${type} ${states.join()}`;
}

/** A tracer that logs the call of each hook. */
function record(): { tracer: Tracer; log: string[] } {
  const log: string[] = [];
  const tracer: Tracer = {
    mutationQueued: (_, mutation) => log.push(`queued ${describeMutation(mutation)}`),
    transitionStart: ({ mutation }) => log.push(`start ${describeMutation(mutation)}`),
    handlerStart: (_, id, handler) => log.push(`${id} ${handler} start`),
    handlerEnd: (_, id, handler) => log.push(`${id} ${handler} end`),
    transitionFinals: () => log.push("finals"),
    transitionEnd: ({ isAccepted }) => log.push(isAccepted ? "end" : "end, not accepted"),
    queueEnd: () => log.push("queue end"),
    statesVerified: () => log.push("verified"),
    schemaChanged: () => log.push("schema changed"),
    submachineCreated: (parent, child) => log.push(`${child.id} of ${parent.id}`),
    machineDisposed: ({ id }) => log.push(`${id} disposed`),
  };
  return { tracer, log };
}

function create() {
  const { tracer, log } = record();
  const machine = createMachine(SCHEMA, { id: "m", states: ORDER, tracers: [tracer] });
  log.length = 0;
  return { machine, log, tracer };
}

describe("Tracer", () => {
  it("sees an accepted transition with its handlers, and its auto mutation queued before its end", () => {
    const { machine, log } = create();
    machine.handle({ AEnter() {}, AState() {}, BState() {} }, { id: "h" });
    machine.add("A");
    expect(log).toEqual([
      "queued add A",
      "start add A",
      "h AEnter start",
      "h AEnter end",
      "finals",
      "h AState start",
      "h AState end",
      "queued auto add B",
      "end",
      "start auto add B",
      "finals",
      "h BState start",
      "h BState end",
      "end",
      "queue end",
    ]);
  });

  it("sees the start and end of a transition that the relations cancel", () => {
    const { machine, log } = create();
    machine.add("C");
    expect(log).toEqual(["queued add C", "start add C", "end, not accepted", "queue end"]);
  });

  it("sees no finals of a check or of a vetoed transition", () => {
    const { machine, log } = create();
    machine.handle({ AEnter: () => false }, { id: "h" });
    machine.canAdd("A");
    machine.add("A");
    const run = (name: string) => [
      `queued ${name}`,
      `start ${name}`,
      "h AEnter start",
      "h AEnter end",
      "end, not accepted",
      "queue end",
    ];
    expect(log).toEqual([...run("check add A"), ...run("add A")]);
  });

  it("sees the error of a handler queued before that handler ends", () => {
    const { machine, log } = create();
    machine.handle(
      {
        MState() {
          throw new Error("made up");
        },
      },
      { id: "h" },
    );
    machine.add("M");
    expect(log.slice(0, 9)).toEqual([
      "queued add M",
      "start add M",
      "finals",
      "h MState start",
      "queued add Exception",
      "h MState end",
      "end, not accepted",
      "start add Exception",
      "finals",
    ]);
  });

  it("sees no further handler after one has thrown", () => {
    const { machine, log } = create();
    machine.add("A");
    log.length = 0;
    machine.handle(
      {
        AExit() {
          throw new Error("made up");
        },
        AnyEnter() {},
      },
      { id: "h" },
    );
    const ran: string[] = [];
    machine.handle({ AExit: () => void ran.push("second") }, { id: "second" });
    machine.remove("A");
    expect(ran).toEqual([]);
    expect(machine.is("A")).toBe(true);
    expect(log).not.toContain("second AExit start");
  });

  it("sees nested mutations queued where they are made, and the queue's end once", () => {
    const { machine, log } = create();
    machine.add("B");
    log.length = 0;
    machine.handle({ AState: () => void machine.add("M") }, { id: "h" });
    machine.add("A");
    expect(log).toEqual([
      "queued add A",
      "start add A",
      "finals",
      "h AState start",
      "queued add M",
      "h AState end",
      "end",
      "start add M",
      "finals",
      "end",
      "queue end",
    ]);
  });

  it("sees the index order, a new schema, submachines and disposal", async () => {
    const { tracer, log } = record();
    const parent = createMachine(SCHEMA, { id: "m", states: ORDER, tracers: [tracer] });
    const child = createMachine(SCHEMA, { id: "child", parent: parent as unknown as Machine });
    expect(child.tracers).toEqual([]);
    parent.setSchema({ ...SCHEMA, D: {} }, [...ORDER, "D"]);
    await child.dispose();
    await parent.dispose();
    expect(log).toEqual(["verified", "child of m", "schema changed", "m disposed"]);
  });

  it("sees nothing after it is removed", () => {
    const { machine } = create();
    const { tracer, log } = record();
    const stop = machine.trace(tracer);
    machine.add("C");
    const count = log.length;
    stop();
    stop();
    machine.add("A");
    expect(count).toBeGreaterThan(0);
    expect(log).toHaveLength(count);
    expect(machine.tracers).toHaveLength(1);
  });

  it("may implement any single hook", () => {
    const { machine } = create();
    const heard: string[] = [];
    machine.trace({ queueEnd: () => heard.push("queue end") });
    machine.trace({ transitionEnd: () => heard.push("end") });
    machine.add("C");
    expect(heard).toEqual(["end", "queue end"]);
  });

  it("may mutate the machine in a hook: the mutation is queued", () => {
    const { machine } = create();
    const results: string[] = [];
    machine.trace({
      transitionEnd({ mutation }) {
        if (mutation.states[0] === "A") results.push(machine.add("M").result);
      },
    });
    machine.add("A");
    expect(results).toEqual(["queued"]);
    expect(machine.is("M")).toBe(true);
  });

  it("sees the mutation's context, also on the auto mutation and the handler's error that follow", () => {
    const { machine } = create();
    const contexts: unknown[] = [];
    machine.trace({ transitionStart: ({ mutation }) => contexts.push(mutation.context) });
    machine.handle({
      MState() {
        throw new Error("made up");
      },
    });
    machine.add("A", undefined, { context: 1 });
    machine.add("M", undefined, { context: 2 });
    machine.remove("A");
    expect(contexts).toEqual([1, 1, 2, 2, undefined]);
  });
});

describe("Transition", () => {
  it("shows what it does, before and after the ticks move", () => {
    const { machine } = create();
    machine.add(["A", "M"]);
    const seen: unknown[] = [];
    const look = (transition: Parameters<NonNullable<Tracer["transitionStart"]>>[0]) =>
      seen.push({
        id: transition.id,
        phase: transition.phase,
        enters: transition.enters,
        exits: transition.exits,
        target: transition.targetStates,
        before: transition.timeBefore,
        after: transition.timeAfter,
        sums: [transition.timeSumBefore, transition.timeSumAfter],
        statesBefore: [...transition.statesBefore].sort(),
        changed: [...transition.changedIndexes],
        queueLength: transition.queueLength,
        flags: [transition.isAccepted, transition.isHandlingOver, transition.isCanceled],
      });
    machine.trace({ transitionStart: look, transitionFinals: look, transitionEnd: look });
    expect(machine.activeStates()).toEqual(["B", "M", "A"]);
    machine.set("M");
    expect(seen[0]).toMatchObject({
      phase: "negotiation",
      exits: ["B", "A"],
      target: ["M"],
      before: [1, 1, 0, 1, 0],
      after: [2, 2, 0, 3, 0],
      sums: [3, 3],
      statesBefore: ["A", "B", "M"],
      changed: [3, 1, 0],
      queueLength: 0,
      flags: [true, false, false],
      enters: ["M"],
    });
    expect(seen[1]).toMatchObject({
      phase: "final",
      target: ["M"],
      before: [1, 1, 0, 1, 0],
      after: [2, 2, 0, 3, 0],
      sums: [3, 7],
      statesBefore: ["A", "B", "M"],
      flags: [true, false, false],
    });
    expect(seen[2]).toMatchObject({ phase: "final", flags: [true, true, false] });
  });

  it("that is canceled ends with the time at its start", () => {
    const { machine } = create();
    machine.handle({ AEnter: () => false });
    const times: unknown[] = [];
    machine.trace({
      transitionStart: ({ timeAfter }) => times.push(timeAfter),
      transitionEnd: ({ timeAfter, isCanceled }) => times.push(timeAfter, isCanceled),
    });
    machine.add("A");
    machine.add("C");
    machine.canAdd("M");
    const none = [0, 0, 0, 0, 0];
    expect(times).toEqual([[1, 0, 0, 0, 0], none, true, none, none, true, none, none, false]);
  });

  it("still shows what it did after an error rolled some of it back", () => {
    const { machine } = create();
    machine.handle({
      CState() {
        throw new Error("made up");
      },
    });
    const seen: unknown[] = [];
    machine.trace({
      transitionEnd({ mutation, timeBefore, timeAfter, isAccepted }) {
        if (!mutation.isAuto) seen.push(mutation.states.join(), timeBefore, timeAfter, isAccepted);
      },
    });
    machine.add(["A", "C", "M"]);
    expect(seen.slice(0, 4)).toEqual(["A,C,M", [0, 0, 0, 0, 0], [1, 0, 1, 1, 0], false]);
    expect(machine.time()).toEqual([1, 1, 2, 5, 1]);
  });

  it("numbers itself and its handlers' events", () => {
    const { machine } = create();
    const ids: string[] = [];
    machine.handle({ AState: ({ transitionId }) => void ids.push(transitionId) });
    machine.trace({ transitionStart: ({ id, number }) => ids.push(id, String(number)) });
    machine.add("A");
    expect(ids).toEqual(["m-1", "1", "m-1", "m-2", "2"]);
  });
});

describe("onChange()", () => {
  it("receives the times before and after every transition except checks", () => {
    const { machine } = create();
    machine.add(["A", "B"]);
    const changes: unknown[] = [];
    const stop = machine.onChange((before, after) => changes.push([before, after]));
    machine.add("A");
    machine.add("Exception");
    machine.canAdd("M");
    machine.remove("Exception");
    stop();
    machine.add("M");
    const [base, err, back] = [
      [1, 1, 0, 0, 0],
      [1, 1, 0, 0, 1],
      [1, 1, 0, 0, 2],
    ];
    expect(changes).toEqual([
      [base, base],
      [base, err],
      [err, back],
    ]);
  });

  it("receives canceled transitions as well", () => {
    const { machine } = create();
    const changes: unknown[] = [];
    machine.onChange((before, after) => changes.push([before, after]));
    expect(machine.add("C").result).toBe("canceled");
    expect(changes).toEqual([
      [
        [0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
      ],
    ]);
  });
});
