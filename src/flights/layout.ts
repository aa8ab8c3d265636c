/** Which states belong to which flight: what feeds and boards know of a flights schema of any size. */

import { flights, gateNames, stateNames } from "../../gen/flight_states.ts";

/** The states of one flight, by the group that they exclude each other in. */
export interface FlightStates {
  /** What the flight's state names begin with, such as "Flight1". */
  readonly name: string;
  readonly status: readonly [
    onTime: string,
    delayed: string,
    departed: string,
    arrived: string,
    scheduled: string,
  ];
  readonly direction: readonly [inbound: string, outbound: string];
  readonly goToGate: string;
  readonly gateUnknown: string;
  /** In the order of the layout's `gateNames`. */
  readonly gates: readonly string[];
}

/** A flights schema's states by flight. */
export interface FlightsLayout {
  /** Every state in index order. */
  readonly stateNames: readonly string[];
  readonly flights: readonly FlightStates[];
  /** Gate names as a board shows them, such as "1" or "C4". */
  readonly gateNames: readonly string[];
}

/** The layout of `gen/flight_states.ts`. */
export const flightsLayout: FlightsLayout = { stateNames, flights, gateNames };
