/** `npm run node -- FLAGS`: one node of the tree, on Node.js, Deno or Bun. */

import { startTelemetry, type TelemetryBackend } from "../telemetry/setup.ts";
import {
  ConfigError,
  createLogger,
  formatLogRecord,
  parseConfig,
  settingsHelp,
  startNode,
  VERSION,
} from "../tree/mod.ts";
import { EXIT_FAILED, EXIT_UNUSABLE } from "./exit_codes.ts";
import { createProgram, PROGRAM_SETTINGS } from "./node_program.ts";
import { runtime } from "./runtime.ts";
import { NODE_USAGE } from "./usage.ts";

const HELP = `${NODE_USAGE} FLAGS    runs one node of the tree; each flag has an equivalent variable\n\n${settingsHelp(PROGRAM_SETTINGS.settings)}`;

async function main(): Promise<void> {
  const args = runtime.commandArguments();
  if (args.includes("--help") || args.includes("-h")) {
    runtime.writeLine(HELP);
    return;
  }
  const env = runtime.environment();
  const config = parseConfig(env, args, PROGRAM_SETTINGS);
  const program = await createProgram(config);
  const { name, role, parentAddrs, logLevel } = config;
  let telemetry: TelemetryBackend | undefined;
  const log = createLogger(logLevel, Date.now, (record) => {
    if (record.only !== "collector") runtime.writeLine(formatLogRecord(record));
    if (record.only !== "console") telemetry?.emitLog(record);
  });
  telemetry = await startTelemetry({
    env,
    node: { name, role, version: VERSION, parents: parentAddrs },
    meter: runtime.createProcessMeter(),
    onProblem: (message, fields) => log.warn(message, fields),
  });
  const transport = runtime.createHttp2Transport();
  const node = await startNode(config, {
    listenHttp: runtime.listenHttp,
    listenHttp2: runtime.listenHttp2,
    transport: transport.fetch,
    log,
    telemetry,
    program,
  });
  runtime.onStopSignal(() => {
    void node
      .close()
      .then(() => Promise.all([transport.close(), telemetry.shutdown()]))
      .then(() => runtime.exit(0));
  });
}

try {
  await main();
} catch (error) {
  const isUnusable = error instanceof ConfigError;
  for (const line of isUnusable ? error.problems : [`Cannot run the node: ${error}`])
    runtime.writeErrorLine(line);
  runtime.exit(isUnusable ? EXIT_UNUSABLE : EXIT_FAILED);
}
