/**
 * The schema of the flights machine for any flights and gates, as a pure function. `gen/flight_states.ts`
 * is generated from it; tests and benches of other sizes call it directly.
 */

/** Counts or names of flights and gates. Give either the names or the count of each. */
export interface FlightsOptions {
  /** How many flights, named Flight1, Flight2 …; 10 by default. */
  readonly flights?: number | undefined;
  /** How many gates, named 1, 2 … (states Flight1Gate1 …); 5 by default. */
  readonly gates?: number | undefined;
  /** Flights by name: KL1001 makes KL1001OnTime, KL1001Delayed …. */
  readonly names?: readonly string[] | undefined;
  /** Gates by name: C4 makes KL1001GateC4. */
  readonly gateNames?: readonly string[] | undefined;
}

/** One state's properties and relations; a missing property is false or empty. */
export interface FlightsState {
  readonly auto?: true;
  readonly multi?: true;
  readonly require?: readonly string[];
  readonly remove?: readonly string[];
}

/** The states of one flight, by groups of which at most one state is active. */
export interface FlightGroups {
  /** What the flight's state names begin with. */
  readonly name: string;
  /** Exclusive, in this order: OnTime, Delayed, Departed, Arrived, Scheduled. */
  readonly status: readonly [string, string, string, string, string];
  /** Exclusive, in this order: Inbound, Outbound. */
  readonly direction: readonly [string, string];
  readonly goToGate: string;
  readonly gateUnknown: string;
  /** Exclusive; the state at index i is that of gate `gateNames[i]`. */
  readonly gates: readonly string[];
}

/** A complete flights schema. */
export interface FlightsSchema {
  /** Every state in index order: Exception, then flight by flight, then the other inherited states. */
  readonly stateNames: readonly string[];
  readonly schema: Readonly<Record<string, FlightsState>>;
  readonly flights: readonly FlightGroups[];
  /** Gate names as a board shows them, such as "1" or "C4". */
  readonly gateNames: readonly string[];
}

/** 10 flights of 5 gates: 149 states. */
export const DEFAULT_FLIGHTS = 10;
export const DEFAULT_GATES = 5;

/** Most states that a schema may have; 1,000 flights of 5 gates need 14,009. */
export const MAX_STATES = 32_768;

/** Inherited states after the flights, in index order. Exception comes before the flights. */
export const INHERITED_STATES: Readonly<Record<string, FlightsState>> = {
  ErrNetwork: { require: ["Exception"] },
  Start: {},
  Ready: { require: ["Start"] },
  Healthcheck: { multi: true },
  Heartbeat: {},
  ErrProviding: { require: ["Exception"] },
  ErrSendPayload: { require: ["Exception"] },
  SendPayload: { multi: true },
};

/** Builds the schema. Throws a RangeError or SyntaxError with a message of one line for invalid counts and names. */
export function buildFlightsSchema(options: FlightsOptions = {}): FlightsSchema {
  const flightNames = namesOf("flight", options.names, options.flights, DEFAULT_FLIGHTS, "Flight");
  const gateNames = namesOf("gate", options.gateNames, options.gates, DEFAULT_GATES, "");
  const count =
    flightNames.length * (9 + gateNames.length) + 1 + Object.keys(INHERITED_STATES).length;
  if (count > MAX_STATES) {
    throw new RangeError(
      `Cannot make ${flightNames.length} flights of ${gateNames.length} gates: they are ${count} states, and ${MAX_STATES} is the most`,
    );
  }
  const flights = flightNames.list().map((name) => groupsOf(name, gateNames.list()));
  const states: [string, FlightsState][] = [
    ["Exception", { multi: true }],
    ...flights.flatMap(statesOf),
    ...Object.entries(INHERITED_STATES),
  ];
  const stateNames = states.map(([name]) => name);
  const seen = new Set<string>();
  const twice = stateNames.find((name) => seen.size === seen.add(name).size);
  if (twice !== undefined) {
    throw new RangeError(`Cannot use these names: two different states are "${twice}"`);
  }
  return { stateNames, schema: Object.fromEntries(states), flights, gateNames: gateNames.list() };
}

/** The states of one flight in index order. */
export function statesOf(flight: FlightGroups): [string, FlightsState][] {
  const [onTime, delayed, departed, arrived, scheduled] = flight.status;
  const [inbound, outbound] = flight.direction;
  const status = { remove: flight.status };
  const direction = { remove: flight.direction };
  return [
    [onTime, status],
    [delayed, status],
    [departed, { remove: [...flight.status, flight.goToGate] }],
    [arrived, status],
    [scheduled, { auto: true, remove: flight.status }],
    [inbound, direction],
    [outbound, direction],
    [flight.goToGate, { require: [outbound] }],
    [flight.gateUnknown, { auto: true }],
    ...flight.gates.map((gate): [string, FlightsState] => [gate, { remove: flight.gates }]),
  ];
}

function groupsOf(name: string, gateNames: readonly string[]): FlightGroups {
  return {
    name,
    status: [
      `${name}OnTime`,
      `${name}Delayed`,
      `${name}Departed`,
      `${name}Arrived`,
      `${name}Scheduled`,
    ],
    direction: [`${name}Inbound`, `${name}Outbound`],
    goToGate: `${name}GoToGate`,
    gateUnknown: `${name}GateUnknown`,
    gates: gateNames.map((gate) => `${name}Gate${gate}`),
  };
}

/** Checks a count before a list of that length exists, so that a huge count costs nothing. */
interface NameList {
  readonly length: number;
  list(): string[];
}

function namesOf(
  kind: "flight" | "gate",
  names: readonly string[] | undefined,
  count: number | undefined,
  defaultCount: number,
  prefix: string,
): NameList {
  if (names === undefined) {
    const length = count ?? defaultCount;
    if (!Number.isInteger(length) || length < 1) {
      throw new RangeError(`Cannot make ${length} ${kind}s: it is not a whole number from 1`);
    }
    return { length, list: () => Array.from({ length }, (_, index) => `${prefix}${index + 1}`) };
  }
  if (count !== undefined) {
    throw new RangeError(`Cannot use names and a number of ${kind}s: they are the same setting`);
  }
  if (names.length === 0)
    throw new RangeError(`Cannot make 0 ${kind}s: the list of names is empty`);
  const seen = new Set<string>();
  for (const name of names) {
    if (!/^[A-Za-z0-9_]{1,64}$/.test(name)) {
      throw new SyntaxError(
        `Cannot name a ${kind} ${JSON.stringify(name)}: it is not made of 1 to 64 letters (A-Z, a-z), digits and "_"`,
      );
    }
    if (seen.has(name))
      throw new RangeError(`Cannot name two ${kind}s "${name}": names are unique`);
    seen.add(name);
  }
  return { length: names.length, list: () => [...names] };
}
