import { afterEach, describe, expect, it, vi } from "vitest";
import { bind, fail, failOnce, setUp as setUpMachine } from "../_setup.ts";
import { createMachine, type Schema } from "../mod.ts";
import {
  createTransitionLog,
  logTransitions,
  type TransitionLogLevel,
  type TransitionLogOptions,
} from "./transition_log.ts";

const DOOR: Schema = {
  Open: { add: ["Light"], remove: ["Closed"] },
  Closed: { auto: true, remove: ["Open"] },
  Locked: { require: ["Closed"] },
  Light: {},
  Alarm: {},
  Pulse: { multi: true },
};

/** A machine with a log; each reading of the time is half a millisecond later. */
function setUp(level: TransitionLogLevel, schema = DOOR, options: TransitionLogOptions = {}) {
  const machine = setUpMachine(schema, { id: "door" });
  const lines: string[] = [];
  let nowMs = 0;
  const stop = logTransitions(machine, {
    level,
    write: (line) => lines.push(line),
    now: () => {
      nowMs += 0.5;
      return nowMs;
    },
    ...options,
  });
  return { machine, lines, stop };
}

describe("logTransitions()", () => {
  afterEach(() => vi.restoreAllMocks());

  it("writes only states that moved, and errors, at level changes", () => {
    const { machine, lines } = setUp("changes");
    bind(machine, { AlarmEnter: () => false });
    machine.add("Closed");
    machine.add("Closed");
    machine.add("Alarm");
    machine.canAdd("Open");
    machine.add(["Open", "Pulse"]);
    machine.add("Pulse");
    machine.addErr(new Error("stuck"));
    machine.remove("Exception", { error: new Error("over") });
    expect(lines).toEqual([
      "[state] +Closed",
      "[state] +Open +Pulse +Light -Closed",
      "[state] +Pulse",
      "[error] stuck",
      "[state] +Exception",
      "[state] -Exception",
    ]);
  });

  it("writes mutations, handlers with their durations and auto transitions at level operations", () => {
    const { machine, lines } = setUp("operations");
    bind(machine, { OpenEnter: () => true, ClosedState: () => {} });
    machine.add("Open");
    machine.remove(["Open", "Alarm"]);
    machine.set([]);
    expect(lines).toEqual([
      "[add] Open",
      "[handler] OpenEnter 0.50 ms",
      "[state] +Open +Light",
      "[remove] Open Alarm",
      "[state] -Open",
      "[auto] Closed",
      "[state] +Closed",
      "[handler] ClosedState 0.50 ms",
      "[set]",
      "[state] -Light -Closed",
      "[auto] Closed",
      "[state] +Closed",
      "[handler] ClosedState 0.50 ms",
    ]);
  });

  it("writes why a mutation was canceled: a relation, a handler, an error", () => {
    const { machine, lines } = setUp("operations");
    bind(machine, { AlarmEnter: () => false, LightExit: fail, AnyEnter: () => true });
    machine.add("Locked");
    machine.canAdd("Locked");
    machine.add("Alarm");
    machine.add("Light");
    machine.remove("Light");
    expect(lines.filter((line) => /^\[(cancel|check|error)/.test(line))).toEqual([
      "[cancel] Locked by relation Require of Locked, Closed is missing",
      "[check:add] Locked",
      "[cancel] Locked by relation Require of Locked, Closed is missing",
      "[cancel] Alarm by handler AlarmEnter",
      "[cancel] Light by error in handler LightExit: made up",
      "[error] made up",
    ]);
  });

  it("names the called states if the reason names no state", () => {
    const { machine, lines } = setUp("operations");
    bind(machine, { AnyEnter: () => false });
    machine.add(["Alarm", "Light"]);
    expect(lines.at(-1)).toBe("[cancel] Alarm Light by handler AnyEnter");
  });

  it("writes what an error of a final handler took back", () => {
    const { machine, lines } = setUp("operations");
    bind(machine, { LightState: fail }, { id: "first" });
    bind(machine, { LightState: () => {}, AnyState: () => {} }, { id: "second" });
    machine.add(["Pulse", "Light"]);
    expect(lines).toEqual([
      "[add] Pulse Light",
      "[state] +Pulse +Light",
      "[queue:add] Exception, next",
      "[handler] LightState 0.50 ms",
      "[rollback] +Pulse -Light",
      "[cancel] Light by error in handler LightState: made up",
      "[add] Exception",
      "[error] made up",
      "[state] +Exception",
      "[handler] AnyState 0.50 ms",
      "[auto] Closed",
      "[state] +Closed",
      "[handler] AnyState 0.50 ms",
    ]);
  });

  it("leaves out handlers that are passed over because an earlier one has thrown", () => {
    const { machine, lines } = setUp("everything", {
      A: { auto: true },
      B: { auto: true },
      Go: {},
    });
    bind(machine, { AEnter: failOnce(), BEnter: () => true });
    machine.add("Go");
    const calls = lines.filter((line) => /^\[(auto|call|handler)/.test(line));
    expect(calls.slice(0, 4)).toEqual([
      "[auto] A B",
      "[call] AEnter of handlers-1",
      "[handler] AEnter 0.50 ms",
      "[auto] A B",
    ]);
  });

  it("writes mutations that wait in the queue, with the tick on which they run", async () => {
    const { machine, lines } = setUp("operations");
    bind(machine, {
      AlarmState: () => {
        machine.add("Light");
        machine.canAdd("Open");
      },
    });
    machine.add("Alarm");
    await machine.eval(() => void machine.add("Pulse"));
    expect(lines.filter((line) => line.startsWith("[queue"))).toEqual([
      "[queue:add] Light, queue tick 3",
      "[queue:check:add] Open, next",
      "[queue:add] Pulse, queue tick 4",
    ]);
  });

  it("writes why states moved that were not called at level decisions", () => {
    const { machine, lines } = setUp("decisions");
    machine.add(["Closed", "Locked"]);
    machine.add("Open");
    machine.add("Open");
    machine.set("Alarm");
    expect(lines.filter((line) => /^\[(because|same|add)/.test(line))).toEqual([
      "[add] Closed Locked",
      "[add] Open",
      "[because] +Light by relation Add of Open",
      "[because] -Closed by relation Remove of Open",
      "[because] -Locked by relation Require of Locked, Closed is missing",
      "[add] Open",
      "[same] no state moved",
      "[because] -Open by set of other states",
      "[because] -Light by set of other states",
    ]);
  });

  it("gives no reason for states that the mutation called", () => {
    const { machine, lines } = setUp("decisions");
    machine.add(["Open", "Light"]);
    machine.set(["Closed", "Locked"]);
    lines.length = 0;
    machine.remove(["Closed", "Locked"]);
    machine.add(["Open", "Light"]);
    expect(lines.filter((line) => line.startsWith("[because] "))).toEqual([
      "[because] -Closed by relation Remove of Open",
    ]);
  });

  it("writes which auto states stay inactive, and why", () => {
    const { machine, lines } = setUp("decisions", {
      Go: {},
      A: { auto: true },
      B: { auto: true, remove: ["C"] },
      C: { auto: true, require: ["Go"] },
      D: { auto: true, require: ["Lost"] },
      Lost: {},
    });
    bind(machine, { AEnter: () => false });
    machine.add("Go");
    expect(lines).toContain("[auto] A B C D");
    expect(lines.filter((line) => line.startsWith("[because]"))).toEqual([
      "[because] no A by a handler",
      "[because] no C by relation Remove of B",
      "[because] no D by relation Require of D, Lost is missing",
    ]);
  });

  it("writes the start and end of transitions and handler calls at level everything", () => {
    const { machine, lines } = setUp("everything");
    bind(machine, { OpenEnd: () => void machine.add("Alarm") }, { id: "own" });
    machine.add("Open");
    lines.length = 0;
    machine.remove("Open");
    expect(lines).toEqual([
      "[start] door-2, queue tick 3",
      "[remove] Open",
      "[state] -Open",
      "[call] OpenEnd of own",
      "[queue:add] Alarm, queue tick 4",
      "[handler] OpenEnd 0.50 ms",
      "[queue:auto] Closed, next",
      "[end] door-2 executed, time 2 to 3, 1.50 ms",
      "[start] door-3, 1 behind it",
      "[auto] Closed",
      "[state] +Closed",
      "[end] door-3 executed, time 3 to 4, 0.50 ms",
      "[start] door-4, queue tick 4",
      "[add] Alarm",
      "[state] +Alarm",
      "[end] door-4 executed, time 4 to 5, 0.50 ms",
      "[queue] empty",
    ]);
  });

  it("writes a new schema, a submachine and disposal", async () => {
    const { machine, lines } = setUp("operations");
    machine.setSchema({ ...DOOR, Bell: {} }, [...machine.names, "Bell"]);
    createMachine({ A: {} }, { id: "bell 1", parent: machine });
    await machine.dispose();
    expect(lines).toEqual(["[schema] 8 states", '[submachine] "bell 1"', "[dispose]"]);
  });

  it("passes each line's own level", () => {
    const levels: Record<string, TransitionLogLevel> = {};
    const { machine } = setUp("everything", DOOR, {
      write(line, level) {
        levels[line.split(" ")[0]!] = level;
      },
    });
    bind(machine, { OpenState: () => void machine.addErr("stuck") });
    machine.add("Open");
    machine.add("Open");
    machine.add("Locked");
    machine.remove("Open");
    expect(levels).toEqual({
      "[start]": "everything",
      "[add]": "operations",
      "[state]": "changes",
      "[because]": "decisions",
      "[call]": "everything",
      "[queue:add]": "operations",
      "[handler]": "operations",
      "[end]": "everything",
      "[error]": "changes",
      "[same]": "decisions",
      "[cancel]": "operations",
      "[remove]": "operations",
      "[queue:auto]": "everything",
      "[auto]": "operations",
      "[queue]": "everything",
    });
  });

  it("escapes names and messages, so that none ends a line or controls a terminal", () => {
    const names = [
      "a\nb",
      "\x1b[2J",
      "two words",
      "\u202eltr",
      "line\u2028end",
      'say "x"',
      "",
      "é",
    ];
    const { machine, lines } = setUp("operations", Object.fromEntries(names.map((n) => [n, {}])));
    for (const name of names) machine.add(name);
    machine.addErr(new Error("1\r\n2\u009b3\ud800\u202e"));
    expect(lines.filter((line) => line.startsWith("[add]"))).toEqual([
      '[add] "a\\nb"',
      '[add] "\\u001b[2J"',
      '[add] "two words"',
      '[add] "\\u202eltr"',
      '[add] "line\\u2028end"',
      '[add] "say \\"x\\""',
      '[add] ""',
      "[add] é",
      "[add] Exception",
    ]);
    expect(lines).toContain("[error] 1\\u000d\\u000a2\\u009b3\\ud800\\u202e");
    expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  });

  it("limits the length of a line", () => {
    const names = Array.from({ length: 150 }, (_, i) => `S${i}`);
    const { machine, lines } = setUp("changes", Object.fromEntries(names.map((n) => [n, {}])));
    machine.add(names);
    expect(lines[0]).toMatch(/^\[state] (\+S\d+ ){100}and 50 more$/);
    machine.addErr(new Error("x".repeat(5_000)));
    expect(lines[1]!.length).toBeLessThan(1_100);
    const long = setUp("changes", { ["y".repeat(5_000)]: {} });
    long.machine.add("y".repeat(5_000));
    expect(long.lines[0]!.length).toBeLessThan(1_100);
  });

  it("writes to the console by default, and stops when its function is called", () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    const machine = createMachine(DOOR);
    const stop = logTransitions(machine);
    machine.add("Alarm");
    stop();
    machine.remove("Alarm");
    expect(log.mock.calls).toEqual([["[state] +Alarm"], ["[state] +Closed"]]);
    expect(machine.tracers).toEqual([]);
  });

  it("writes long durations in whole milliseconds", () => {
    let nowMs = 0;
    const { machine, lines } = setUp("operations", DOOR, { now: () => nowMs });
    bind(machine, {
      AlarmState: () => {
        nowMs += 1_234.5;
      },
    });
    machine.add("Alarm");
    expect(lines).toContain("[handler] AlarmState 1235 ms");
  });

  it("has only the hooks that its level needs", () => {
    expect(Object.keys(createTransitionLog())).toEqual([
      "transitionStart",
      "transitionFinals",
      "transitionEnd",
      "schemaChanged",
      "machineDisposed",
    ]);
  });

  it("refuses bad options", () => {
    const machine = createMachine(DOOR);
    const start = (options: object) => () => logTransitions(machine, options);
    expect(start({ level: "debug" })).toThrow(
      new RangeError(
        'Cannot log transitions: level is "debug", not one of changes, operations, decisions, everything',
      ),
    );
    expect(start({ write: "stdout" })).toThrow(
      new TypeError("Cannot log transitions: write is string, not a function"),
    );
    expect(start({ now: 5 })).toThrow(
      new TypeError("Cannot log transitions: now is number, not a function"),
    );
    expect(machine.tracers).toEqual([]);
  });
});
