/**
 * The flights: which states belong to which flight, the feeds that drive them, and board rows made
 * of active states.
 *
 * ```ts
 * const machine = createMachine(schema, { states: stateNames });
 * const feed = createFeed("replay", { target: machine, time });
 * const stopped = feed.start(controller.signal);
 * boardRows((state) => machine.is(state)); // [{ flight: "Flight1", direction: "Outbound", … }, …]
 * ```
 *
 * @module
 */

export { flights, gateNames, type StateName, schema, stateNames } from "../../gen/flight_states.ts";
export {
  type BoardRow,
  boardRows,
  type FlightDirection,
  type FlightStatus,
} from "./board_rows.ts";
export { createFeed, FEED_NAMES, type FeedName, type FeedOptions } from "./create_feed.ts";
export type {
  Feed,
  FeedArgs,
  FeedMutation,
  FeedObserver,
  FeedStats,
  FeedTime,
  FlightsTarget,
  MutationOutcome,
} from "./feed.ts";
export { type FlightStates, type FlightsLayout, flightsLayout } from "./layout.ts";
