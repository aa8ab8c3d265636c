/** What the node of a command runs: the machine of a module, or else the flights. */

import {
  ConfigError,
  type NodeConfig,
  type NodeProgram,
  type ProgramSettings,
} from "../tree/mod.ts";
import { createFlightsProgram, FLIGHTS_SETTINGS, type FlightsConfig } from "./flights_root.ts";
import { loadMachine } from "./load_machine.ts";

export interface ProgramConfig extends FlightsConfig {
  /** Path of the module that makes the machine; undefined for the flights. */
  readonly machineFile: string | undefined;
}

/** The settings of the commands that run a node, besides those of every node. */
export const PROGRAM_SETTINGS: ProgramSettings<ProgramConfig> = {
  settings: [
    {
      flag: "machine",
      value: "FILE",
      help: "root only: module whose default export is the machine, or a function that makes it; the flights",
    },
    ...FLIGHTS_SETTINGS.settings,
  ],
  parse: (read) => ({
    ...FLIGHTS_SETTINGS.parse(read),
    machineFile: read<string | undefined>("machine", undefined, String),
  }),
};

/** Rejects with {@linkcode ConfigError} for a module that makes no machine, or one on a relay or leaf. */
export async function createProgram(config: NodeConfig & ProgramConfig): Promise<NodeProgram> {
  const { machineFile, role } = config;
  if (machineFile === undefined) return createFlightsProgram(config) as unknown as NodeProgram;
  if (role !== "root")
    throw new ConfigError([
      `Cannot run a machine on a ${role}: TST_MACHINE (--machine) is for the root, whose machine all other nodes follow`,
    ]);
  const machine = await loadMachine(machineFile);
  return { createRoot: () => ({ machine, close: () => machine.dispose() }) };
}
