/** Where generated files and their sources are, as paths from the project's root. */

import { fileURLToPath } from "node:url";

export const PROJECT_ROOT = fileURLToPath(new URL("../../", import.meta.url));

export const FLIGHT_STATES_PATH = "gen/flight_states.ts";
export const WIRE_MODULE_PATH = "gen/statesource.js";
export const WIRE_TYPES_PATH = "gen/statesource.d.ts";
/** Folder of the code for stock clients. */
export const CLIENT_CODE_FOLDER = "gen/connect";
export const PROTO_FOLDER = "proto";
export const REPLAY_CSV_PATH = "src/flights/data/ord_2001_06_29.csv";
export const REPLAY_MODULE_PATH = "gen/replay_ord_2001_06_29.ts";
