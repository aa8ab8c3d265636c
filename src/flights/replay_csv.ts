/**
 * The replayed day: departures from and arrivals at one airport, read from CSV. Two values are missing
 * in the data and derived here: a movement's number, and an arrival's time.
 */

import { hoursAheadOfChicago } from "./_time_zones.ts";

/** The airport whose board the replay shows. */
export const REPLAY_AIRPORT = "ORD";
export const MINUTES_PER_DAY = 1_440;

/** A flight this many minutes late counts as delayed, as in the Bureau of Transportation Statistics. */
export const DELAYED_FROM_MINUTES = 15;

/** A departure or an arrival. */
export interface Movement {
  /** Derived: its place in the day, from 1. Serves as the flight number, which the data lacks. */
  readonly number: number;
  readonly type: "departure" | "arrival";
  /** IATA code; this or the destination is {@linkcode REPLAY_AIRPORT}. */
  readonly origin: string;
  readonly destination: string;
  /**
   * When it happens, in minutes after midnight at the airport, 0 to 1439. A departure has the time of
   * the data. An arrival's time is derived: its departure in Chicago's time plus the time in the air
   * by distance. A night flight that lands after midnight is moved to the morning of the same day, in
   * place of the flight of the night before.
   */
  readonly minute: number;
  /** Minutes late, from the data; negative when early. So the planned minute is `minute - delayMinutes`. */
  readonly delayMinutes: number;
}

const HEADER = "date,delay,distance,origin,destination";
const ROW = /^([01]\d|2[0-3]):([0-5]\d),(-?\d{1,5}),(\d{1,5}),([A-Z]{3}),([A-Z]{3})$/;

/**
 * Reads a day's movements, in order of time. Lines that begin with "#" are comments. Throws a
 * SyntaxError that names the line.
 */
export function parseReplayCsv(text: string): Movement[] {
  const movements: Omit<Movement, "number">[] = [];
  let hasHeader = false;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "" || line.startsWith("#")) continue;
    if (hasHeader) movements.push(parseRow(line, index + 1));
    else if (line === HEADER) hasHeader = true;
    else throw unreadable(index + 1, line, `not the header "${HEADER}"`);
  }
  if (movements.length === 0) {
    throw new SyntaxError("Cannot read the replayed day: it has no movements");
  }
  return movements
    .sort((a, b) => a.minute - b.minute)
    .map((movement, index) => ({ number: index + 1, ...movement }));
}

function parseRow(line: string, lineNumber: number): Omit<Movement, "number"> {
  const [, hour, minute, delay, distance, origin, destination] = ROW.exec(line) ?? [];
  if (origin === undefined || destination === undefined) {
    throw unreadable(lineNumber, line, `not of the form "${HEADER}", such as 07:59,-2,258,ORD,STL`);
  }
  if ((origin === REPLAY_AIRPORT) === (destination === REPLAY_AIRPORT)) {
    throw unreadable(lineNumber, line, `not between ${REPLAY_AIRPORT} and another airport`);
  }
  const departureMinute = Number(hour) * 60 + Number(minute);
  const route = { origin, destination, delayMinutes: Number(delay) };
  if (origin === REPLAY_AIRPORT) return { type: "departure", minute: departureMinute, ...route };
  const hoursAhead = hoursAheadOfChicago(origin);
  if (hoursAhead === undefined) {
    throw unreadable(lineNumber, line, `from an airport of unknown time zone, ${origin}`);
  }
  const landed = departureMinute - hoursAhead * 60 + minutesInTheAir(Number(distance));
  return {
    type: "arrival",
    minute: (landed + MINUTES_PER_DAY) % MINUTES_PER_DAY,
    ...route,
  };
}

/** Derived: half an hour to taxi, climb and approach, and 8 miles a minute in between. */
function minutesInTheAir(distanceMiles: number): number {
  return Math.round(30 + distanceMiles / 8);
}

function unreadable(lineNumber: number, line: string, reason: string): SyntaxError {
  const shown = line.length > 80 ? `${line.slice(0, 79)}…` : line;
  return new SyntaxError(
    `Cannot read the replayed day: line ${lineNumber} is ${reason}: ${JSON.stringify(shown)}`,
  );
}
