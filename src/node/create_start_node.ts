/** `startNode()` for any runtime. */

import { throwLater } from "../machine/mod.ts";
import type { Transport } from "../replication/mod.ts";
import type { ProcessMeter, TelemetryBackend } from "../telemetry/mod.ts";
import {
  createLogger,
  type Logger,
  type LogRecord,
  type NodeConfig,
  type NodeProgram,
  type NodeServices,
  startNode as startTreeNode,
  type TreeNode,
  VERSION,
} from "../tree/mod.ts";
import { optionOf, parseOptions, type StartNodeOptions } from "./options.ts";

/** What a runtime gives its `startNode()`. */
export interface NodeRuntime extends Pick<NodeServices, "listenHttp" | "listenHttp2"> {
  createHttp2Transport(): { readonly fetch: Transport; close(): Promise<void> };
  createProcessMeter(): ProcessMeter;
  /** The variables of the process. */
  environment(): Readonly<Record<string, string | undefined>>;
}

/**
 * Starts a node in this process and resolves when it listens: a root with a machine, a relay or leaf with a
 * `parentAddr`. It shares nothing with other nodes of the process.
 *
 * Rejects with `TypeError` for options that cannot be used, with one line per problem, and for a machine that
 * already has a node; with {@linkcode ConfigError} for an address that it cannot listen on. Nothing is started then.
 */
export type StartNode = <N extends string = string>(
  options: StartNodeOptions<N>,
) => Promise<TreeNode<N>>;

/** Backends that have been given to a node: their metrics are those of that node for good. */
const usedBackends = new WeakSet<TelemetryBackend>();

export function createStartNode(runtime: NodeRuntime): StartNode {
  return async function startNode<N extends string>(options: StartNodeOptions<N>) {
    const config = parseOptions(options as unknown as StartNodeOptions);
    const { log, telemetry, machine, stateNames } = options;
    let backend: TelemetryBackend | undefined;
    const logger = createNodeLogger(config, log, telemetry, (record) => backend?.emitLog(record));
    if (telemetry === true) backend = await startBackend(runtime, config, logger);
    else if (typeof telemetry === "object") backend = takeBackend(telemetry, config.name);
    const transport = runtime.createHttp2Transport();
    const release = async () => {
      await transport.close();
      if (telemetry === true) await backend?.shutdown();
    };
    const program: NodeProgram<N> = {
      ...(machine && { createRoot: () => ({ machine }) }),
      ...(stateNames && { states: stateNames }),
    };
    try {
      return await startTreeNode<N>(config, {
        listenHttp: runtime.listenHttp,
        listenHttp2: runtime.listenHttp2,
        transport: transport.fetch,
        log: logger,
        telemetry: backend,
        program,
        nameOf: optionOf,
        release,
      });
    } catch (error) {
      await release();
      throw error;
    }
  };
}

/** A logger for the user's function and for telemetry. */
function createNodeLogger(
  config: NodeConfig,
  log: ((record: LogRecord) => void) | undefined,
  telemetry: StartNodeOptions["telemetry"],
  emit: (record: LogRecord) => void,
): Logger {
  const isHeard = log !== undefined || (telemetry ?? false) !== false;
  return createLogger(isHeard ? config.logLevel : "error", Date.now, (record) => {
    if (record.only !== "console") emit(record);
    try {
      if (record.only !== "collector") log?.(record);
    } catch (error) {
      throwLater(error);
    }
  });
}

/** Loads the SDK of telemetry: a program without telemetry does without it. */
async function startBackend(
  runtime: NodeRuntime,
  { name, role, parentAddrs }: NodeConfig,
  log: Logger,
): Promise<TelemetryBackend> {
  const { startTelemetry } = await import("../telemetry/setup.ts");
  return await startTelemetry({
    env: runtime.environment(),
    node: { name, role, version: VERSION, parents: parentAddrs },
    meter: runtime.createProcessMeter(),
    onProblem: (message, fields) => log.warn(message, fields),
  });
}

function takeBackend(backend: TelemetryBackend, name: string): TelemetryBackend {
  if (usedBackends.has(backend))
    throw new TypeError(
      `Cannot start "${name}": its telemetry backend belongs to another node, and would mix their metrics`,
    );
  usedBackends.add(backend);
  return backend;
}
