/** Numbers recorded from the original machine. */

import { describe, expect, it } from "vitest";
import { createMachine, type Machine } from "./mod.ts";
import type { Schema, StateDefinition } from "./schema.ts";

/** The draws of a Park-Miller generator: each is its new state. */
function createDraws(seed: number): () => number {
  let x = seed;
  return () => {
    x = (x * 48_271) % 2_147_483_647;
    return x;
  };
}

/** FNV-1a, 32 bits, as 8 hex digits. */
function hash(text: string): string {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193);
  return (value >>> 0).toString(16).padStart(8, "0");
}

/** The original's flights: 148 states, ten flights of five gates. */
function originalFlights(): { schema: Schema; states: string[] } {
  const schema: Record<string, StateDefinition> = { Exception: { multi: true } };
  for (let f = 1; f <= 10; f++) {
    const of = (...names: string[]) => names.map((name) => `Flight${f}${name}`);
    const status = of("OnTime", "Delayed", "Departed", "Arrived", "Scheduled");
    const direction = of("Inbound", "Outbound");
    const gates = of("Gate1", "Gate2", "Gate3", "Gate4", "Gate5");
    const [onTime, delayed, departed, arrived, scheduled] = status as [
      string,
      string,
      string,
      string,
      string,
    ];
    for (const name of [onTime, delayed]) schema[name] = { remove: status };
    schema[departed] = { remove: [...status, `Flight${f}GoToGate`] };
    schema[arrived] = { remove: status };
    schema[scheduled] = { auto: true, remove: status };
    for (const name of direction) schema[name] = { remove: direction };
    schema[`Flight${f}GoToGate`] = { require: [`Flight${f}Outbound`] };
    schema[`Flight${f}GateUnknown`] = { auto: true };
    for (const name of gates) schema[name] = { remove: gates };
  }
  Object.assign(schema, {
    ErrNetwork: { multi: true, add: ["Exception"], require: ["Exception"] },
    ErrHandlerTimeout: { multi: true, add: ["Exception"], require: ["Exception"] },
    Start: {},
    Ready: { require: ["Start"] },
    Healthcheck: { multi: true },
    Heartbeat: {},
    ErrOnClient: { require: ["Exception"] },
  });
  return { schema, states: Object.keys(schema) };
}

describe("The original's flights", () => {
  const { schema, states } = originalFlights();

  it("have 148 states, in this order", () => {
    expect(states).toHaveLength(148);
    expect(
      ["Exception", "Flight1OnTime", "Flight10Gate5", "ErrNetwork", "Start", "ErrOnClient"].map(
        (name) => states.indexOf(name),
      ),
    ).toEqual([0, 1, 140, 141, 143, 147]);
  });

  it("reproduce the recorded clocks in 10,000 random steps", () => {
    const machine = createMachine(schema, { states }) as unknown as Machine;
    const draw = createDraws(1);
    const counts = { executed: 0, canceled: 0, skipped: 0 };
    expect(machine.add("Ready").result).toBe("canceled");
    const rows: unknown[] = [];
    for (let step = 1; step <= 10_000; step++) {
      const names = [draw(), draw(), draw()].map((value) => states[value % 148]!);
      if (names.includes("Exception")) {
        counts.skipped++;
      } else {
        counts[machine.add(names).result as "executed" | "canceled"]++;
        if (machine.isErr) machine.remove("Exception");
      }
      if ([1, 2, 3, 10, 100, 1_000, 10_000].includes(step)) {
        const { executed, canceled, skipped } = counts;
        rows.push([
          step,
          executed,
          canceled,
          skipped,
          machine.queueTick,
          machine.activeStates().length,
          machine.timeSum,
          hash(machine.time().join(" ")),
        ]);
      }
    }
    expect(rows).toEqual([
      [1, 1, 0, 0, 3, 21, 21, "4555de24"],
      [2, 2, 0, 0, 4, 23, 23, "92196204"],
      [3, 3, 0, 0, 5, 25, 27, "81afa512"],
      [10, 7, 3, 0, 12, 31, 41, "6c4fe9ea"],
      [100, 83, 17, 0, 108, 44, 370, "a77f543c"],
      [1_000, 814, 168, 18, 1_018, 45, 3_341, "761a0f28"],
      [10_000, 7_898, 1_916, 186, 10_170, 44, 32_622, "27a2355d"],
    ]);
  });
});

describe("Random small schemas", () => {
  const S = ["S0", "S1", "S2", "S3", "S4", "S5", "S6", "S7"];
  const RESULTS = { executed: 0, canceled: 1, queued: 2 };

  function drawSchema(draw: () => number): Schema {
    const schema: Record<string, StateDefinition> = {};
    for (const name of S) {
      const auto = draw() % 100 < 15;
      const multi = draw() % 100 < 20;
      const lists = [25, 30, 30, 20].map((percent) => {
        const list: string[] = [];
        if (draw() % 100 >= percent) return list;
        for (let k = 1 + (draw() % 2); k > 0; k--) {
          const target = S[draw() % 8]!;
          if (target !== name && !list.includes(target)) list.push(target);
        }
        return list;
      });
      const [require, add, remove, after] = lists as [string[], string[], string[], string[]];
      schema[name] = {
        auto,
        multi,
        require,
        add,
        remove: remove.filter((other) => !require.includes(other)),
        after,
      };
    }
    return schema;
  }

  it.each([
    [1, "35ed4cf4", "4 10 8 24 7 7 24 20 0"],
    [2, "2e4c0c00", "2 5 3 7 3 4 4 7 0"],
    [3, "67d07ab0", "9 11 32 4 14 9 10 9 0"],
    [4, "5e9795e9", "10 10 10 2 19 11 23 9 0"],
    [5, "8ee0bc4b", "0 11 0 7 6 15 9 15 0"],
    [6, "8b551365", "9 0 8 14 29 0 5 6 0"],
    [7, "d9aa1840", "6 6 2 2 2 7 3 4 0"],
    [8, "c2ff0667", "4 12 9 8 4 10 6 8 0"],
    [9, "b7adbdcd", "16 3 5 10 21 14 4 0 0"],
    [10, "1a2ef7ac", "0 0 2 4 9 0 4 15 0"],
    [11, "1294e0b9", "2 10 11 12 16 3 9 17 0"],
    [12, "9ba86ca3", "7 10 6 11 0 25 4 13 0"],
    [13, "d6e5b90f", "22 9 10 6 10 2 0 8 0"],
    [14, "b1393614", "7 7 7 7 5 11 6 7 0"],
    [15, "4ddcd8ea", "5 11 13 33 6 14 21 6 0"],
    [16, "e97f6711", "10 2 7 6 0 6 17 0 0"],
    [17, "d97eaf4e", "10 8 10 8 25 8 17 14 0"],
    [18, "aa1fd38c", "6 0 0 10 7 19 3 0 0"],
  ])("seed %i ends as recorded", (seed, expectedHash, expectedTime) => {
    const draw = createDraws(seed);
    for (let i = 0; i < 5; i++) draw();
    const machine = createMachine(drawSchema(draw), {
      states: [...S, "Exception"],
    }) as unknown as Machine;
    let log = "";
    for (let i = 0; i < 60; i++) {
      const op = (["add", "add", "add", "remove", "set", "toggle"] as const)[draw() % 6]!;
      const states: string[] = [];
      for (let k = 1 + (draw() % 3); k > 0; k--) states.push(S[draw() % 8]!);
      log += `${RESULTS[machine[op](states).result]} ${machine.time().join(" ")}\n`;
    }
    expect([machine.time().join(" "), hash(log)]).toEqual([expectedTime, expectedHash]);
  });
});

describe("The worked example", () => {
  const schema: Schema = {
    Idle: { auto: true, remove: ["Busy", "Done"] },
    Busy: { remove: ["Idle", "Done"] },
    Done: { remove: ["Idle", "Busy"], add: ["Log"] },
    Log: { multi: true },
    Tick: { multi: true },
  };
  const states = ["Idle", "Busy", "Done", "Log", "Tick", "Exception"];

  it("runs its handlers in the recorded order", () => {
    const machine = createMachine(schema, { states }) as unknown as Machine;
    let log: string[] = [];
    const names = ["AnyEnter", "AnyState"];
    for (const a of states) {
      names.push(`${a}Enter`, `${a}Exit`, `${a}State`, `${a}End`, ...states.map((b) => `${a}${b}`));
    }
    machine.bind(Object.fromEntries(names.map((name) => [name, () => void log.push(name)])));
    const row = (op: "add" | "remove" | "set", called: readonly string[]) => {
      log = [];
      return [
        machine[op](called).result,
        machine.time().join(" "),
        machine.activeStates().join(" "),
        log.join(" "),
      ];
    };
    expect(row("add", ["Tick"])).toEqual([
      "executed",
      "1 0 0 0 1 0",
      "Idle Tick",
      "TickEnter AnyEnter TickState AnyState IdleEnter TickTick TickIdle AnyEnter IdleState AnyState",
    ]);
    expect(row("add", ["Busy"])).toEqual([
      "executed",
      "2 1 0 0 1 0",
      "Busy Tick",
      "IdleExit BusyEnter TickTick IdleBusy IdleTick TickBusy AnyEnter IdleEnd BusyState AnyState",
    ]);
    expect(row("add", ["Done"])).toEqual([
      "executed",
      "2 2 1 1 1 0",
      "Done Tick Log",
      "BusyExit DoneEnter LogEnter TickTick BusyDone BusyTick BusyLog TickDone TickLog AnyEnter BusyEnd DoneState LogState AnyState",
    ]);
    expect(row("add", ["Done"])).toEqual([
      "executed",
      "2 2 1 1 1 0",
      "Done Tick Log",
      "DoneDone TickTick LogLog DoneTick DoneLog TickDone TickLog LogDone LogTick AnyEnter AnyState",
    ]);
    expect(row("add", ["Idle", "Busy"])).toEqual(["canceled", "2 2 1 1 1 0", "Done Tick Log", ""]);
    expect(row("remove", ["Done"])).toEqual([
      "executed",
      "3 2 2 1 1 0",
      "Idle Tick Log",
      "DoneExit DoneTick DoneLog TickLog LogTick AnyEnter DoneEnd AnyState IdleEnter TickTick LogLog TickIdle TickLog LogIdle LogTick AnyEnter IdleState AnyState",
    ]);
    expect(row("set", ["Log"])).toEqual([
      "executed",
      "5 2 2 3 2 0",
      "Idle Log",
      "IdleExit TickExit LogEnter LogLog IdleLog TickLog AnyEnter IdleEnd TickEnd LogState AnyState IdleEnter LogLog LogIdle AnyEnter IdleState AnyState",
    ]);
  });
});
