/** The flights as metrics, read off a node's clock at each collection: transitions cost nothing more. */

import { type FlightStates, type FlightsLayout, flightsLayout } from "../flights/mod.ts";
import type { VersionedClock } from "../replication/mod.ts";
import type { MetricSet } from "../telemetry/mod.ts";
import {
  METRIC_FLIGHT_CHANGES,
  METRIC_FLIGHT_GATE,
  METRIC_FLIGHT_STATUS,
} from "../telemetry/semconv.ts";

/** Most flights with metrics, the first ones: a schema may have a thousand. */
export const MAX_FLIGHTS = 50;

/**
 * Adds the metrics of the flights that the clock has states of. On a node that follows a selection, a flight
 * whose status is unknown has status 0.
 */
export function measureFlights(
  metrics: MetricSet,
  clock: VersionedClock,
  layout: FlightsLayout = flightsLayout,
): void {
  const flights = layout.flights.slice(0, MAX_FLIGHTS).map((flight) => ({
    name: flight.name,
    status: flight.status,
    gates: flight.gates,
    all: statesOf(flight),
  }));
  const known = () => flights.filter(({ all }) => all.some((state) => clock.indexOf(state) >= 0));
  const tickOf = (state: string) => {
    const index = clock.indexOf(state);
    return index < 0 ? 0 : clock.ticks[index]!;
  };
  /** Position, from 1, of the active one among states that exclude each other; 0 if none is active. */
  const placeOfActive = (states: readonly string[]) =>
    states.findIndex((state) => tickOf(state) % 2 === 1) + 1;

  metrics.observe(METRIC_FLIGHT_STATUS, (report) => {
    for (const { name, status } of known()) report(placeOfActive(status), name);
  });
  metrics.observe(METRIC_FLIGHT_GATE, (report) => {
    for (const { name, gates } of known()) report(placeOfActive(gates), name);
  });
  metrics.observe(METRIC_FLIGHT_CHANGES, (report) => {
    for (const { name, all } of known()) {
      report(
        all.reduce((sum, state) => sum + tickOf(state), 0),
        name,
      );
    }
  });
}

function statesOf(flight: FlightStates): string[] {
  const { status, direction, goToGate, gateUnknown, gates } = flight;
  return [...status, ...direction, goToGate, gateUnknown, ...gates];
}
