/**
 * One node of the tree out of its parts, its configuration, and the default tree.
 *
 * @module
 */

export { type Address, formatAddress, parseAddress } from "./address.ts";
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
export { VERSION } from "./version.ts";
