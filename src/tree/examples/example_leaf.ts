/** Code shared by the examples that run as leaves of the running tree. */

import { EXIT_UNUSABLE } from "../../cli/exit_codes.ts";
import {
  createFlightsProgram,
  FLIGHTS_SETTINGS,
  type FlightsConfig,
} from "../../cli/flights_root.ts";
import type { StateName } from "../../flights/mod.ts";
import {
  createHttp2Transport,
  environment,
  exit,
  listenHttp,
  listenHttp2,
  onStopSignal,
  writeErrorLine,
  writeLine,
} from "../../runtime/node.ts";
import {
  ConfigError,
  createLogger,
  formatLogRecord,
  type Logger,
  type NodeConfig,
  parseConfig,
  startNode,
  type TreeNode,
} from "../mod.ts";

/** Configuration of a leaf of the default tree on free ports; `defaults`, variables and flags override it, in this order. Throws {@linkcode ConfigError}. */
export function configureLeaf(
  name: string,
  args: readonly string[],
  defaults: Readonly<Record<string, string>> = {},
): NodeConfig & FlightsConfig {
  const set = Object.entries(environment()).filter(([, value]) => value !== "");
  const leaf = {
    TST_NAME: name,
    TST_ROLE: "leaf",
    TST_ADDR: "127.0.0.1:0",
    TST_HTTP_ADDR: "127.0.0.1:0",
    TST_PARENT_ADDR: "127.0.0.1:19701,127.0.0.1:19702",
  };
  const env = { ...leaf, ...defaults, ...Object.fromEntries(set) };
  return parseConfig(env, args, FLIGHTS_SETTINGS);
}

/** Starts the leaf. A stop signal closes it, calls `close` at the same time, and exits the process. */
export async function startLeaf(
  config: NodeConfig & FlightsConfig,
  close: () => Promise<void> | undefined,
): Promise<{ readonly node: TreeNode<StateName>; readonly log: Logger }> {
  const log = createLogger(config.logLevel, Date.now, (record) =>
    writeLine(formatLogRecord(record)),
  );
  const transport = createHttp2Transport();
  const node = await startNode(config, {
    listenHttp,
    listenHttp2,
    transport: transport.fetch,
    log,
    program: createFlightsProgram(config),
  });
  onStopSignal(async () => {
    await Promise.all([node.close(), close()]);
    await transport.close();
    exit(0);
  });
  return { node, log };
}

/** Runs an example. With an unusable configuration, prints a line per problem and exits with 2. */
export async function runExample(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) writeErrorLine(problem);
    exit(EXIT_UNUSABLE);
  }
}
