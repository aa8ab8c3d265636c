/**
 * `npm run gen:states`: writes `gen/flight_states.ts`. Bad counts or names give one line on stderr,
 * exit code 2, and leave the old file unchanged.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { FLIGHT_STATES_PATH, PROJECT_ROOT } from "./_paths.ts";
import { writeFileAtomically } from "./_write_file.ts";
import { renderFlightStates } from "./flight_states_file.ts";
import {
  buildFlightsSchema,
  DEFAULT_FLIGHTS,
  DEFAULT_GATES,
  type FlightsOptions,
  MAX_STATES,
} from "./flights_schema.ts";

const HELP = `npm run gen:states -- [--flights N | --names A,B,…] [--gates N | --gate-names A,B,…]

  --flights N      number of flights, named Flight1, Flight2 …; ${DEFAULT_FLIGHTS}
  --gates N        number of gates, named 1, 2 … (Flight1Gate1); ${DEFAULT_GATES}
  --names A,B      flights by name: KL1001 makes KL1001OnTime, KL1001Delayed …
  --gate-names A,B gates by name: C4 makes KL1001GateC4

A name consists of letters (A-Z, a-z), digits and "_". There are at most ${MAX_STATES} states: per flight
nine and one for each gate, and nine more.`;

/** Where the command writes and prints; tests pass their own. */
export interface StatesCommand {
  /** File to write; `gen/flight_states.ts` by default. */
  readonly path?: string;
  readonly writeLine?: (line: string) => void;
  readonly writeErrorLine?: (line: string) => void;
}

/** Runs the command and returns its exit code: 0 written, 2 bad arguments. Throws if the file cannot be written. */
export function generateStates(args: readonly string[], command: StatesCommand = {}): 0 | 2 {
  const writeLine = command.writeLine ?? ((line) => process.stdout.write(`${line}\n`));
  const writeErrorLine = command.writeErrorLine ?? ((line) => process.stderr.write(`${line}\n`));
  try {
    const options = parseOptions(args);
    if (options === "help") {
      writeLine(HELP);
      return 0;
    }
    const flights = buildFlightsSchema(options);
    const text = renderFlightStates(flights);
    writeFileAtomically(command.path ?? join(PROJECT_ROOT, FLIGHT_STATES_PATH), text);
    writeLine(
      `Wrote ${command.path ?? FLIGHT_STATES_PATH}: ${flights.flights.length} flights of ${flights.gateNames.length} gates, ${flights.stateNames.length} states`,
    );
    return 0;
  } catch (error) {
    if (!(error instanceof RangeError || error instanceof SyntaxError)) throw error;
    writeErrorLine(error.message);
    return 2;
  }
}

function parseOptions(args: readonly string[]): FlightsOptions | "help" {
  const { values } = parse(args);
  if (values.help) return "help";
  return {
    flights: parseCount("--flights", values.flights),
    gates: parseCount("--gates", values.gates),
    names: parseNames(values.names),
    gateNames: parseNames(values["gate-names"]),
  };
}

function parse(args: readonly string[]) {
  // parseArgs reads a separate "-1" as another flag; joined with "=", it is a value.
  const joined = args
    .join("\0")
    .replace(/\0(-\d)/g, "=$1")
    .split("\0");
  try {
    return parseArgs({
      args: args.length === 0 ? [] : joined,
      options: {
        flights: { type: "string" },
        gates: { type: "string" },
        names: { type: "string" },
        "gate-names": { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    // The first sentence says what is wrong; the rest is about quoting.
    const reason = (error as Error).message.split(/[.\n]/)[0];
    throw new SyntaxError(`Cannot read the arguments: ${reason}; --help lists them`, {
      cause: error,
    });
  }
}

function parseCount(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(count >= 1)) {
    throw new RangeError(
      `Cannot use ${flag} ${JSON.stringify(text)}: it is not a whole number from 1`,
    );
  }
  return count;
}

function parseNames(text: string | undefined): string[] | undefined {
  return text?.split(",").map((name) => name.trim());
}

if (import.meta.main) process.exitCode = generateStates(process.argv.slice(2));
