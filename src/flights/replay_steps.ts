/**
 * The replay as a pure simulation: which mutation is due at which minute. It has no machine and no
 * time source, so a day is always the same list of steps.
 *
 * The board shows the next movements. Its rows, one per flight of the layout, are slots: when one is
 * free, the next movement takes it, up to an hour ahead. So with ten slots, a quiet hour shows flights
 * long before they leave, and a busy hour shows the next few minutes. A movement without a slot one
 * minute before it happens is skipped.
 *
 * A departure: Outbound (Scheduled) → OnTime or Delayed → its gate → GoToGate → Departed.
 * An arrival: Inbound (Scheduled) → OnTime or Delayed → its gate → Arrived.
 * The steps before the last one are spread evenly over the movement's time in the slot. Two minutes
 * after the last one, a mutation removes its remaining states, and Scheduled, which is Auto, becomes
 * active again.
 */

import type { FeedArgs } from "./feed.ts";
import type { FlightStates, FlightsLayout } from "./layout.ts";
import { DELAYED_FROM_MINUTES, MINUTES_PER_DAY, type Movement } from "./replay_csv.ts";

/** How many minutes before it happens a movement takes a free slot: at most, and at least. */
export const LEAD_MINUTES = 60;
export const LEAST_LEAD_MINUTES = 1;
/** Minutes that a departed or arrived flight stays on the board. */
export const LINGER_MINUTES = 2;

/** One step of the replay. Minutes count from midnight of the first day and never decrease. */
export type ReplayStep =
  | {
      readonly type: "mutate";
      readonly minute: number;
      readonly mutation: "add" | "remove";
      /** For "remove": all states that the movement may have left active. */
      readonly states: readonly string[];
      /** Describes the movement. */
      readonly args: FeedArgs;
      /** Whether this step ends the movement. */
      readonly isLast: boolean;
    }
  | { readonly type: "skip"; readonly minute: number; readonly movement: Movement }
  /** The last movement of the day has taken a slot or was skipped. */
  | { readonly type: "end-day"; readonly minute: number };

/** A future mutation of a slot. */
interface Planned {
  readonly minute: number;
  readonly states: "status" | "gate" | "go-to-gate" | "done" | "free";
}

/** An occupied slot. */
interface Row {
  readonly flight: FlightStates;
  readonly movement: Movement;
  /** In order of time; never empty. */
  readonly plan: Planned[];
  /** Index of its gate; -1 while unknown. */
  gate: number;
}

/**
 * Plays the movements (sorted by minute) day after day, endlessly. Starts `firstLeadMinutes` before the
 * first movement at or after `firstMinute` (minute of the day, 0 to 1439); earlier movements of the day
 * follow at its end. Steps are in order of their minutes.
 */
export function* playDays(
  movements: readonly Movement[],
  layout: FlightsLayout,
  firstMinute = 0,
  firstLeadMinutes = LEAD_MINUTES,
): Generator<ReplayStep, never> {
  const upcoming = repeatDaily(movements, firstMinute);
  const free = [...layout.flights];
  const rows: Row[] = [];
  let next = upcoming.next().value;
  let now = next.minute - firstLeadMinutes;
  while (true) {
    const row = earliest(rows);
    const rowMinute = row === undefined ? Infinity : row.plan[0]!.minute;
    const lead = free.length > 0 ? LEAD_MINUTES : LEAST_LEAD_MINUTES;
    const nextMinute = next.type === "day" ? next.minute : Math.max(now, next.minute - lead);
    if (row !== undefined && rowMinute <= nextMinute) {
      now = rowMinute;
      yield runPlanned(row, rows, layout);
      if (row.plan.length === 0) {
        rows.splice(rows.indexOf(row), 1);
        free.push(row.flight);
      }
      continue;
    }
    now = nextMinute;
    if (next.type === "day") {
      yield { type: "end-day", minute: now };
    } else {
      const flight = free.shift();
      if (flight === undefined) yield { type: "skip", minute: now, movement: next.movement };
      else {
        const { movement } = next;
        rows.push({ flight, movement, plan: planOf(movement, now, next.minute), gate: -1 });
        const [inbound, outbound] = flight.direction;
        const direction = movement.type === "arrival" ? inbound : outbound;
        // Scheduled is already active, unless another client changed the slot.
        yield mutate(now, "add", [direction, flight.status[4]], movement);
      }
    }
    next = upcoming.next().value;
  }
}

type Upcoming =
  | { readonly type: "movement"; readonly minute: number; readonly movement: Movement }
  | { readonly type: "day"; readonly minute: number };

function* repeatDaily(
  movements: readonly Movement[],
  firstMinute: number,
): Generator<Upcoming, never> {
  const split = movements.findIndex(({ minute }) => minute >= firstMinute);
  const start = split === -1 ? 0 : split;
  for (let dayMinute = 0; ; dayMinute += MINUTES_PER_DAY) {
    let last = dayMinute;
    for (let i = 0; i < movements.length; i++) {
      const movement = movements[(start + i) % movements.length]!;
      const nextDay = start + i >= movements.length ? MINUTES_PER_DAY : 0;
      last = dayMinute + nextDay + movement.minute;
      yield { type: "movement", minute: last, movement };
    }
    yield { type: "day", minute: last };
  }
}

function earliest(rows: readonly Row[]): Row | undefined {
  let found: Row | undefined;
  for (const row of rows) {
    if (found === undefined || row.plan[0]!.minute < found.plan[0]!.minute) found = row;
  }
  return found;
}

function planOf(movement: Movement, from: number, to: number): Planned[] {
  const before =
    movement.type === "departure"
      ? (["status", "gate", "go-to-gate"] as const)
      : (["status", "gate"] as const);
  return [
    ...before.map((states, index) => ({
      minute: from + ((to - from) * (index + 1)) / (before.length + 1),
      states,
    })),
    { minute: to, states: "done" },
    { minute: to + LINGER_MINUTES, states: "free" },
  ];
}

function runPlanned(row: Row, rows: readonly Row[], layout: FlightsLayout): ReplayStep {
  const { flight, movement } = row;
  const [onTime, delayed, departed, arrived] = flight.status;
  const { minute, states } = row.plan.shift()!;
  switch (states) {
    case "status": {
      const isDelayed = movement.delayMinutes >= DELAYED_FROM_MINUTES;
      return mutate(minute, "add", [isDelayed ? delayed : onTime], movement);
    }
    case "gate":
      row.gate = chooseGate(movement, rows, layout.gateNames.length);
      return mutate(minute, "add", [flight.gates[row.gate]!], movement);
    case "go-to-gate":
      return mutate(minute, "add", [flight.goToGate], movement);
    case "done":
      return mutate(minute, "add", [movement.type === "departure" ? departed : arrived], movement);
    case "free": {
      const left = [onTime, delayed, departed, arrived, ...flight.direction, flight.goToGate];
      return mutate(minute, "remove", [...left, ...flight.gates], movement);
    }
  }
}

/** Derived: the gate with the fewest rows. Among equals, the first one from a starting gate that rotates with each movement. */
function chooseGate(movement: Movement, rows: readonly Row[], gates: number): number {
  const taken = new Array<number>(gates).fill(0);
  for (const { gate } of rows) if (gate !== -1) taken[gate]!++;
  let best = movement.number % gates;
  for (let i = 1; i < gates; i++) {
    const gate = (movement.number + i) % gates;
    if (taken[gate]! < taken[best]!) best = gate;
  }
  return best;
}

function mutate(
  minute: number,
  mutation: "add" | "remove",
  states: readonly string[],
  movement: Movement,
): ReplayStep {
  const { number, origin, destination, delayMinutes } = movement;
  const args = {
    movement: number,
    origin,
    destination,
    planned: toClockTime(movement.minute - delayMinutes),
    delayMinutes,
  };
  return { type: "mutate", minute, mutation, states, args, isLast: mutation === "remove" };
}

/** Minutes after midnight as HH:MM; wraps around days. */
export function toClockTime(minute: number): string {
  const ofDay = ((Math.floor(minute) % MINUTES_PER_DAY) + MINUTES_PER_DAY) % MINUTES_PER_DAY;
  const pad = (value: number) => String(value).padStart(2, "0");
  return `${pad(Math.floor(ofDay / 60))}:${pad(ofDay % 60)}`;
}
