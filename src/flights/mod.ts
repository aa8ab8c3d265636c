/**
 * The flights: a schema of ten flights, feeds that drive them, and board rows made from active states.
 *
 * ```ts
 * const machine = createMachine(schema, { states: stateNames });
 * const feed = createFeed("replay", { target: machine, time });
 * const stopped = feed.start(controller.signal);
 * boardRows((state) => machine.is(state)); // [{ flight: "Flight1", direction: "Outbound", … }, …]
 * ```
 *
 * The names of the 149 states and their order are a contract: the order gives each state its index on
 * the wire, and programs use the names. Change them only in `generators/flights_schema.ts`, as a new
 * schema. The data in `data/` is as published; what it lacks is derived, and marked so, in
 * `replay_csv.ts` and `replay_steps.ts`. Results of a feed for a given day, seed or speed are fixed by
 * tests (`replay_steps.test.ts`, `random_feed.test.ts`). Feeds, speeds and the board may change.
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
  FeedSetup,
  FeedStats,
  FeedTime,
  FeedTracer,
  FlightsTarget,
  MutationOutcome,
} from "./feed.ts";
export { type FlightStates, type FlightsLayout, flightsLayout } from "./layout.ts";
