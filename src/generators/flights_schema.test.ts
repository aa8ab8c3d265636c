import { describe, expect, it } from "vitest";
import { flights, gateNames, schema, stateNames } from "../../gen/flight_states.ts";
import { buildFlightsSchema, MAX_STATES } from "./flights_schema.ts";

/** The states of the first flight, as documented. */
const FLIGHT_1 = `OnTime Delayed Departed Arrived Scheduled Inbound Outbound GoToGate GateUnknown
  Gate1 Gate2 Gate3 Gate4 Gate5`
  .split(/\s+/)
  .map((name) => `Flight1${name}`);
const STATUS_1 = FLIGHT_1.slice(0, 5);

describe("buildFlightsSchema()", () => {
  it("makes 149 states of 10 flights and 5 gates, Exception first", () => {
    const { stateNames } = buildFlightsSchema();
    expect(stateNames).toHaveLength(149);
    expect(stateNames.slice(0, 16)).toEqual(["Exception", ...FLIGHT_1, "Flight2OnTime"]);
    expect(stateNames[140]).toBe("Flight10Gate5");
    expect(stateNames.slice(141)).toEqual([
      "ErrNetwork",
      "Start",
      "Ready",
      "Healthcheck",
      "Heartbeat",
      "ErrProviding",
      "ErrSendPayload",
      "SendPayload",
    ]);
  });

  it("makes 69 states of 5 flights and 3 gates", () => {
    const { stateNames, gateNames } = buildFlightsSchema({ flights: 5, gates: 3 });
    expect(stateNames).toHaveLength(69);
    expect(gateNames).toEqual(["1", "2", "3"]);
  });

  it("gives a flight its groups and relations", () => {
    const { schema } = buildFlightsSchema();
    for (const name of ["OnTime", "Delayed", "Arrived"]) {
      expect(schema[`Flight1${name}`]).toEqual({ remove: STATUS_1 });
    }
    expect(schema.Flight1Departed).toEqual({ remove: [...STATUS_1, "Flight1GoToGate"] });
    expect(schema.Flight1Scheduled).toEqual({ auto: true, remove: STATUS_1 });
    const direction = ["Flight1Inbound", "Flight1Outbound"];
    expect(schema.Flight1Inbound).toEqual({ remove: direction });
    expect(schema.Flight1Outbound).toEqual({ remove: direction });
    expect(schema.Flight1GoToGate).toEqual({ require: ["Flight1Outbound"] });
    expect(schema.Flight1GateUnknown).toEqual({ auto: true });
    expect(schema.Flight1Gate3).toEqual({ remove: FLIGHT_1.slice(9) });
  });

  it("gives the inherited states their relations", () => {
    const { schema } = buildFlightsSchema();
    const inherited = Object.entries(schema).filter(([name]) => !name.startsWith("Flight"));
    expect(Object.fromEntries(inherited)).toEqual({
      Exception: { multi: true },
      ErrNetwork: { require: ["Exception"] },
      Start: {},
      Ready: { require: ["Start"] },
      Healthcheck: { multi: true },
      Heartbeat: {},
      ErrProviding: { require: ["Exception"] },
      ErrSendPayload: { require: ["Exception"] },
      SendPayload: { multi: true },
    });
  });

  it("uses real names for flights and gates", () => {
    const built = buildFlightsSchema({ names: ["KL1001", "9W12"], gateNames: ["C4", "C6"] });
    expect(built.stateNames).toContain("KL1001OnTime");
    expect(built.schema["9W12GateC6"]).toEqual({ remove: ["9W12GateC4", "9W12GateC6"] });
    expect(built.flights.map(({ name }) => name)).toEqual(["KL1001", "9W12"]);
    expect(built.gateNames).toEqual(["C4", "C6"]);
  });

  it("allows 1,000 flights", () => {
    expect(buildFlightsSchema({ flights: 1_000 }).stateNames).toHaveLength(14_009);
  });

  it.each([
    [{ flights: 0 }, "Cannot make 0 flights: it is not a whole number from 1"],
    [{ flights: -3 }, "Cannot make -3 flights: it is not a whole number from 1"],
    [{ gates: 1.5 }, "Cannot make 1.5 gates: it is not a whole number from 1"],
    [{ gates: Number.NaN }, "Cannot make NaN gates: it is not a whole number from 1"],
    [{ names: [] }, "Cannot make 0 flights: the list of names is empty"],
    [{ names: ["KL1", "KL1"] }, 'Cannot name two flights "KL1": names are unique'],
    [{ gateNames: ["C4", "C4"] }, 'Cannot name two gates "C4": names are unique'],
    [{ names: ["KL 1"] }, 'Cannot name a flight "KL 1": it is not made of'],
    [{ names: ["KL1", ""] }, 'Cannot name a flight "": it is not made of'],
    [{ gateNames: ["Ä"] }, 'Cannot name a gate "Ä": it is not made of'],
    [{ names: ["A".repeat(65)] }, "it is not made of 1 to 64 letters"],
    [{ names: ["A"], flights: 1 }, "Cannot use names and a number of flights"],
    [{ gateNames: ["Unknown"] }, 'two different states are "Flight1GateUnknown"'],
    [{ names: ["A", "AGate"], gateNames: ["1", "Gate1"] }, 'two different states are "AGateGate1"'],
  ])("refuses %j", (options, message) => {
    expect(() => buildFlightsSchema(options)).toThrow(message);
  });

  it("refuses more states than the limit, without making them first", () => {
    const message = `Cannot make 1000000000 flights of 5 gates: they are 14000000009 states, and ${MAX_STATES} is the most`;
    expect(() => buildFlightsSchema({ flights: 1e9 })).toThrow(message);
    expect(buildFlightsSchema({ flights: 2_339 }).stateNames).toHaveLength(32_755);
    expect(() => buildFlightsSchema({ flights: 2_340 })).toThrow("is the most");
  });
});

describe("gen/flight_states.ts", () => {
  it("holds what buildFlightsSchema() makes", () => {
    const built = buildFlightsSchema({
      names: flights.map(({ name }) => name),
      gateNames,
    });
    expect({ schema, stateNames, flights, gateNames }).toEqual(built);
    expect(Object.keys(schema)).toEqual(built.stateNames);
  });
});
