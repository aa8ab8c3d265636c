import { beforeEach, describe, expect, it } from "vitest";
import { flightsLayout, schema, stateNames } from "../flights/mod.ts";
import { createMachine } from "../machine/mod.ts";
import { createSource, type VersionedClock } from "../replication/mod.ts";
import { MetricSet } from "../telemetry/mod.ts";
import { MAX_FLIGHTS, measureFlights } from "./flight_metrics.ts";

let metrics: MetricSet;
let clock: VersionedClock;
let machine: ReturnType<typeof createFlights>;

function createFlights() {
  return createMachine(schema, { states: stateNames });
}

/** Value of each flight by metric name. */
function collected(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    metrics
      .collect()
      .map(({ definition, points }) => [
        definition.name,
        Object.fromEntries(points.map(({ attributes, value }) => [attributes.flight, value])),
      ]),
  );
}

beforeEach(() => {
  metrics = new MetricSet();
  machine = createFlights();
  // biome-ignore lint/suspicious/noExplicitAny: a source takes a machine of any states
  clock = createSource(machine as any).clock;
});

describe("measureFlights()", () => {
  it("reports status and gate by position, and 0 for none", () => {
    measureFlights(metrics, clock);
    machine.add(["Flight1Delayed", "Flight1Gate4", "Flight2Arrived"]);
    const { "flight.status": status, "flight.gate": gate } = collected();
    expect(status).toMatchObject({ Flight1: 2, Flight2: 4 });
    expect(gate).toMatchObject({ Flight1: 4, Flight2: 0 });
    expect(Object.keys(status!)).toEqual(flightsLayout.flights.map(({ name }) => name));
  });

  it("counts the changes of each flight's states, and never decreases", () => {
    measureFlights(metrics, clock);
    machine.add("Flight1OnTime");
    const before = collected()["flight.changes"]!;
    // OnTime becomes inactive, Delayed and the gate become active.
    machine.add(["Flight1Delayed", "Flight1Gate1"]);
    const after = collected()["flight.changes"]!;
    expect(Number(after.Flight1) - Number(before.Flight1)).toBe(3);
    expect(after.Flight2).toBe(before.Flight2);
  });

  it("reports no flight without states in the clock", () => {
    const { flights, ...rest } = flightsLayout;
    const ghost = { ...flights[0]!, name: "Ghost", goToGate: "GhostGoToGate", gateUnknown: "G" };
    const states = {
      status: ["a", "b", "c", "d", "e"],
      direction: ["f", "g"],
      gates: ["h"],
    } as const;
    measureFlights(metrics, clock, { ...rest, flights: [{ ...ghost, ...states }, flights[1]!] });
    expect(Object.keys(collected()["flight.status"]!)).toEqual(["Flight2"]);
  });

  it("reports a limited number of flights, whatever the schema", () => {
    const [flight] = flightsLayout.flights;
    const flights = Array.from({ length: 200 }, (_, i) => ({ ...flight!, name: `F${i}` }));
    measureFlights(metrics, clock, { ...flightsLayout, flights });
    expect(Object.keys(collected()["flight.changes"]!)).toHaveLength(MAX_FLIGHTS);
  });
});
