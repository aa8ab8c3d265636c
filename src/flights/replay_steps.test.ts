import { describe, expect, it } from "vitest";
import { replayCsv } from "../../gen/replay_ord_2001_06_29.ts";
import { buildFlightsSchema } from "../generators/mod.ts";
import { createMachine, type Machine } from "../machine/mod.ts";
import { boardRows } from "./board_rows.ts";
import { type FlightStates, type FlightsLayout, flightsLayout } from "./layout.ts";
import { type Movement, parseReplayCsv } from "./replay_csv.ts";
import { playDays, type ReplayStep, toClockTime } from "./replay_steps.ts";

type Mutate = ReplayStep & { readonly type: "mutate" };

const DAY = parseReplayCsv(replayCsv);
const ONE_FLIGHT: FlightsLayout = buildFlightsSchema({ flights: 1, gates: 2 });

function movement(number: number, minute: number, more: Partial<Movement> = {}): Movement {
  const route = { origin: "ORD", destination: "STL" };
  return { number, type: "departure", minute, delayMinutes: 0, ...route, ...more };
}

/** Steps up to the end of the given number of days, without the last "end-day". */
function stepsOfDay(
  movements: readonly Movement[],
  layout: FlightsLayout,
  firstMinute?: number,
  days = 1,
): ReplayStep[] {
  const steps: ReplayStep[] = [];
  for (const step of playDays(movements, layout, firstMinute)) {
    if (step.type === "end-day" && --days === 0) return steps;
    steps.push(step);
  }
  throw new Error("unreachable");
}

function toText(step: ReplayStep): string {
  const at = `${toClockTime(step.minute)}${step.minute % 1 === 0 ? "" : "+"}`;
  if (step.type === "mutate") return `${at} ${step.mutation} ${step.states.join(" ")}`;
  return step.type === "skip" ? `${at} skip ${step.movement.number}` : `${at} end-day`;
}

describe("playDays()", () => {
  it("plays a departure: scheduled, on time, gate, go to gate, departed, gone", () => {
    const steps = [];
    for (const step of playDays([movement(1, 480)], ONE_FLIGHT)) {
      steps.push(toText(step));
      if (step.type === "mutate" && step.isLast) break;
    }
    expect(steps).toEqual([
      "07:00 add Flight1Outbound Flight1Scheduled",
      "07:15 add Flight1OnTime",
      "07:30 add Flight1Gate2",
      "07:45 add Flight1GoToGate",
      "08:00 add Flight1Departed",
      "08:00 end-day",
      "08:02 remove Flight1OnTime Flight1Delayed Flight1Departed Flight1Arrived Flight1Inbound Flight1Outbound Flight1GoToGate Flight1Gate1 Flight1Gate2",
    ]);
  });

  it("plays a delayed arrival: scheduled, delayed, gate, arrived", () => {
    const late = movement(2, 480, { type: "arrival", delayMinutes: 15 });
    expect(stepsOfDay([late], ONE_FLIGHT).map(toText)).toEqual([
      "07:00 add Flight1Inbound Flight1Scheduled",
      "07:20 add Flight1Delayed",
      "07:40 add Flight1Gate1",
      "08:00 add Flight1Arrived",
    ]);
  });

  it("treats 14 minutes late as on time", () => {
    const steps = stepsOfDay([movement(1, 480, { delayMinutes: 14 })], ONE_FLIGHT);
    expect(steps.map(toText)).toContain("07:15 add Flight1OnTime");
  });

  it("describes the movement in the args of each mutation", () => {
    const [step] = stepsOfDay([movement(1, 10, { delayMinutes: 25 })], ONE_FLIGHT);
    expect((step as Mutate).args).toEqual({
      movement: 1,
      origin: "ORD",
      destination: "STL",
      planned: "23:45",
      delayMinutes: 25,
    });
  });

  it("lets a movement wait for a slot, and skips it one minute before it happens", () => {
    const movements = [movement(1, 480), movement(2, 482), movement(3, 484), movement(4, 485)];
    expect(
      stepsOfDay(movements, ONE_FLIGHT)
        .map(toText)
        .filter((text) => !/add Flight1(OnTime|GoToGate|Gate\d)$/.test(text)),
    ).toEqual([
      "07:00 add Flight1Outbound Flight1Scheduled",
      "08:00 add Flight1Departed",
      "08:01 skip 2",
      expect.stringMatching(/^08:02 remove /),
      "08:02 add Flight1Outbound Flight1Scheduled",
      "08:04 add Flight1Departed",
      "08:04 skip 4",
    ]);
  });

  it("takes the slot that has been free the longest", () => {
    const movements = [480, 485, 600, 660, 720].map((minute, index) => movement(index + 1, minute));
    const taken = stepsOfDay(movements, buildFlightsSchema({ flights: 3 }))
      .map(toText)
      .filter((text) => text.endsWith("Scheduled"))
      .map((text) => /Flight\d/.exec(text)![0]);
    expect(taken).toEqual(["Flight1", "Flight2", "Flight3", "Flight1", "Flight2"]);
  });

  it("begins an hour before the first movement at or after the given minute, and loops", () => {
    const movements = [movement(1, 60), movement(2, 480)];
    const taken = stepsOfDay(movements, flightsLayout, 240, 2)
      .filter((step) => step.type === "mutate" && step.states.length === 2)
      .map((step) => [step.minute, (step as Mutate).args.movement]);
    expect(taken).toEqual([
      [420, 2],
      [1_440, 1],
      [1_440 + 420, 2],
      [2_880, 1],
    ]);
  });

  it("plays every movement exactly once a day", () => {
    const numbers = (steps: ReplayStep[]) =>
      steps
        .flatMap((step) =>
          step.type === "skip"
            ? step.movement.number
            : step.type === "mutate" && /Scheduled$/.test(step.states[1] ?? "")
              ? Number(step.args.movement)
              : [],
        )
        .sort((a, b) => a - b);
    const oneDay = numbers(stepsOfDay(DAY, flightsLayout, 240));
    expect(oneDay).toEqual(DAY.map(({ number }) => number));
    expect(numbers(stepsOfDay(DAY, flightsLayout, 240, 2))).toEqual(
      [...oneDay, ...oneDay].sort((a, b) => a - b),
    );
  });

  it("gives steps in order of time", () => {
    let last = -Infinity;
    for (const { minute } of stepsOfDay(DAY, flightsLayout, 240, 2)) {
      expect(minute).toBeGreaterThanOrEqual(last);
      last = minute;
    }
  });

  it("gives two flights the same gate only when all gates are taken", () => {
    const gates = new Map<string, string>();
    let most = 0;
    for (const step of stepsOfDay(DAY, flightsLayout, 240)) {
      if (step.type !== "mutate") continue;
      const [, flight, gate] = /^(Flight\d+)Gate(\d)$/.exec(step.states[0]!) ?? [];
      if (flight !== undefined && gate !== undefined) {
        const counts = [1, 2, 3, 4, 5].map(
          (name) => [...gates.values()].filter((taken) => taken === String(name)).length,
        );
        expect(counts[Number(gate) - 1]).toBe(Math.min(...counts));
        gates.set(flight, gate);
        most = Math.max(most, gates.size);
      }
      if (step.isLast) gates.delete(/^Flight\d+/.exec(step.states[0]!)![0]);
    }
    expect(most).toBeGreaterThan(5);
  });
});

describe("A replayed day on a machine", () => {
  /** Recorded: skipped movements and mutations of one day; all mutations are executed. */
  const SIZES = [
    { flights: 1, gates: 1, skipped: 1_650, mutations: 1_836 },
    { flights: 5, gates: 3, skipped: 611, mutations: 7_504 },
    { flights: 10, gates: 5, skipped: 65, mutations: 10_592 },
    // 996 departures of six mutations and 998 arrivals of five; the last one is still on the board.
    { flights: 30, gates: 5, skipped: 0, mutations: 996 * 6 + 998 * 5 - 1 },
  ];

  it.each(SIZES)("obeys all relations, with $flights flights and $gates gates", (size) => {
    const layout = buildFlightsSchema(size);
    const machine = createMachine<string>(layout.schema, { states: layout.stateNames });
    machine.add(["Start", "Ready"]);
    let skipped = 0;
    let mutations = 0;
    for (const step of stepsOfDay(DAY, layout, 240)) {
      if (step.type === "skip") skipped++;
      if (step.type !== "mutate") continue;
      mutations++;
      const before = machine.activeStates();
      expect(machine[step.mutation](step.states, step.args)).toEqual({ result: "executed" });
      const name = /^Flight\d+(?=[A-Z])/.exec(step.states[0]!)![0];
      const flight = layout.flights.find((candidate) => candidate.name === name)!;
      expectInvariants(machine, flight, step);
      expectOthersUntouched(machine, before, flight);
    }
    expect({ ...size, skipped, mutations }).toEqual(size);
    expect(machine.is(["Start", "Ready"])).toBe(true);
    expect(machine.is("Exception")).toBe(false);
  });

  it("leaves the board empty after the last flight of a night", () => {
    const machine = createMachine<string>(buildFlightsSchema().schema, {
      states: flightsLayout.stateNames,
    });
    machine.add(["Start", "Ready"]);
    const evening = DAY.slice(-20);
    const end = evening.at(-1)!.minute;
    for (const step of playDays(evening, flightsLayout)) {
      if (step.minute > end + 60) break;
      if (step.type === "mutate") machine[step.mutation](step.states);
    }
    for (const row of boardRows((state) => machine.is(state))) {
      expect(row).toMatchObject({ direction: undefined, status: "Scheduled", gate: undefined });
    }
  });
});

/** Checks what must hold for a flight after each of its mutations. */
function expectInvariants(machine: Machine<string>, flight: FlightStates, step: Mutate): void {
  const count = (states: readonly string[]) => states.filter((state) => machine.is(state)).length;
  const [, , departed, arrived, scheduled] = flight.status;
  const [inbound, outbound] = flight.direction;
  expect(count(flight.status)).toBe(1);
  expect(count(flight.gates)).toBeLessThanOrEqual(1);
  expect(machine.is(flight.gateUnknown)).toBe(true);
  if (step.isLast) {
    // The slot is free again, as at the start.
    expect(machine.is(scheduled)).toBe(true);
    expect(count([...flight.direction, ...flight.gates, flight.goToGate])).toBe(0);
    return;
  }
  expect(count(flight.direction)).toBe(1);
  if (machine.is(flight.goToGate)) {
    expect(machine.is(outbound)).toBe(true);
    expect(count(flight.gates)).toBe(1);
  }
  if (machine.is(departed)) {
    expect(machine.is(outbound)).toBe(true);
    expect(count(flight.gates)).toBe(1);
    expect(machine.is(flight.goToGate)).toBe(false);
  }
  if (machine.is(arrived)) {
    expect(machine.is(inbound)).toBe(true);
    expect(count(flight.gates)).toBe(1);
  }
}

function expectOthersUntouched(
  machine: Machine<string>,
  before: readonly string[],
  flight: FlightStates,
): void {
  const own = new Set([
    ...[...flight.status, ...flight.direction, ...flight.gates],
    ...[flight.goToGate, flight.gateUnknown],
  ]);
  const others = (states: readonly string[]) => states.filter((state) => !own.has(state)).sort();
  expect(others(machine.activeStates()).join()).toBe(others(before).join());
}
