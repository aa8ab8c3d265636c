/** The flights machine as an XState 5 statechart, for comparison with the best-known state machine library. */

import { type AnyActorRef, createActor, createMachine, stateIn } from "xstate";
import type { FlightGroups, FlightsSchema } from "../generators/mod.ts";

/**
 * One actor of a parallel machine: a parallel region per flight, with one region per exclusive group
 * (status, direction, gates) and one on-off region per other state. An event of its name enters each
 * state. Groups that may be empty have an extra `none`, on-off regions an `off`.
 */
export function createFlightsActor({ flights, stateNames }: FlightsSchema): AnyActorRef {
  const regions: Record<string, object> = {};
  const inFlights = new Set<string>();
  for (const flight of flights) {
    regions[flight.name] = toFlight(flight);
    for (const name of flight.status) inFlights.add(name);
    for (const name of [...flight.direction, ...flight.gates]) inFlights.add(name);
    inFlights.add(flight.goToGate).add(flight.gateUnknown);
  }
  for (const name of stateNames) if (!inFlights.has(name)) regions[name] = toSwitch(name, "off");
  const machine = createMachine({ type: "parallel", states: regions } as never);
  return createActor(machine).start();
}

function toFlight({ name, status, direction, goToGate, gateUnknown, gates }: FlightGroups): object {
  const [inbound, outbound] = direction;
  // Require and Remove of the schema, by hand: a guard on another region, and exits on other events.
  const enter = { target: "on", guard: stateIn({ [name]: { direction: outbound } }) };
  return {
    type: "parallel",
    states: {
      status: toGroup(status, status[4]),
      direction: toGroup(["none", ...direction], "none"),
      goToGate: {
        initial: "off",
        states: {
          off: { on: { [goToGate]: enter } },
          on: { on: { [status[2]]: "off", [inbound]: "off" } },
        },
      },
      gateUnknown: toSwitch(gateUnknown, "on"),
      gate: toGroup(["none", ...gates], "none"),
    },
  };
}

/** Exclusive states: the event of its name enters each from anywhere in the region. */
function toGroup(names: readonly string[], initial: string): object {
  const entered = names.filter((name) => name !== "none");
  return {
    initial,
    states: Object.fromEntries(names.map((name) => [name, {}])),
    on: Object.fromEntries(entered.map((name) => [name, `.${name}`])),
  };
}

function toSwitch(name: string, initial: "on" | "off"): object {
  return { initial, states: { off: { on: { [name]: "on" } }, on: {} } };
}
