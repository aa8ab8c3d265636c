/**
 * One node of the tree out of its parts, for any machine; its configuration, and the default tree.
 *
 * @module
 */

export { type Address, formatAddress, NodeAddress, parseAddress } from "./address.ts";
export {
  ConfigError,
  LOG_LEVELS,
  type LogLevel,
  type NodeConfig,
  parseConfig,
  settingsHelp,
} from "./config.ts";
export { defaultTree, environmentOf, type TreePlace } from "./default_tree.ts";
export { createLogger, formatLogRecord, type Logger, type LogRecord } from "./log.ts";
export { type NodeServices, startNode, type TreeNode } from "./node.ts";
export type { NodeProgram, ProgramServices, RootProgram } from "./program.ts";
export { VERSION } from "./version.ts";

// For sibling folders: settings of programs and from other sources, checks of machines.

export {
  integer,
  type ProgramSettings,
  positive,
  type ReadSetting,
  readConfig,
  SETTINGS,
  type Setting,
  type SettingSource,
} from "./config.ts";
export { describeValue, isMachine } from "./machine_use.ts";
