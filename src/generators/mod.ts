/**
 * Generates the files in gen/ and dashboards/. Other folders need only the flights schema.
 *
 * ```ts
 * import { buildFlightsSchema } from "../generators/mod.ts";
 *
 * const { schema, stateNames } = buildFlightsSchema({ flights: 5, gates: 3 });
 * stateNames.length; // 69
 * ```
 *
 * @module
 */

export { renderFlightStates } from "./flight_states_file.ts";
export {
  buildFlightsSchema,
  type FlightGroups,
  type FlightsOptions,
  type FlightsSchema,
  type FlightsState,
  MAX_STATES,
} from "./flights_schema.ts";
