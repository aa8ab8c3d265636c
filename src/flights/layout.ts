/** Which states belong to which flight, for feeds and boards of a flights schema of any size. */

import { flights, gateNames, stateNames } from "../../gen/flight_states.ts";

/** The states of one flight, in groups whose states exclude each other. */
export interface FlightStates {
  /** Prefix of the flight's state names, such as "Flight1". */
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
  /** Gate names as shown on a board, such as "1" or "C4". */
  readonly gateNames: readonly string[];
}

/** The layout of `gen/flight_states.ts`. */
export const flightsLayout: FlightsLayout = { stateNames, flights, gateNames };
