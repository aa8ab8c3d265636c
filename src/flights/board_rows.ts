/** Makes the rows of a board from active states. */

import { type FlightStates, type FlightsLayout, flightsLayout } from "./layout.ts";

export type FlightStatus = "OnTime" | "Delayed" | "Departed" | "Arrived" | "Scheduled";
export type FlightDirection = "Inbound" | "Outbound";

/** One flight as a board shows it. */
export interface BoardRow {
  /** Name of the flight, such as "Flight1". */
  readonly flight: string;
  /** Undefined while the slot is free. */
  readonly direction: FlightDirection | undefined;
  readonly status: FlightStatus | undefined;
  /** Name of the gate, such as "3" or "C4"; undefined while unknown. */
  readonly gate: string | undefined;
  /** Whether passengers are called to the gate. */
  readonly goToGate: boolean;
}

const STATUSES: readonly FlightStatus[] = ["OnTime", "Delayed", "Departed", "Arrived", "Scheduled"];
const DIRECTIONS: readonly FlightDirection[] = ["Inbound", "Outbound"];

/** Makes one row per flight, in the layout's order. Calls `isActive` only with state names of the layout. */
export function boardRows(
  isActive: (state: string) => boolean,
  layout: FlightsLayout = flightsLayout,
): BoardRow[] {
  return layout.flights.map((flight) => boardRow(flight, isActive, layout.gateNames));
}

function boardRow(
  flight: FlightStates,
  isActive: (state: string) => boolean,
  gateNames: readonly string[],
): BoardRow {
  return {
    flight: flight.name,
    direction: DIRECTIONS[flight.direction.findIndex((state) => isActive(state))],
    status: STATUSES[flight.status.findIndex((state) => isActive(state))],
    gate: gateNames[flight.gates.findIndex((state) => isActive(state))],
    goToGate: isActive(flight.goToGate),
  };
}
