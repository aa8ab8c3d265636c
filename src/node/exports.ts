/** What the entries for Node.js, Deno and Bun all export, beside `startNode` and `connect`. */

export {
  type ConnectOptions,
  type ConnectTarget,
  RemoteMachine,
} from "../client/mod.ts";
export type { TelemetryBackend } from "../telemetry/mod.ts";
export {
  type Address,
  ConfigError,
  formatLogRecord,
  type LogLevel,
  type LogRecord,
  type NodeAddress,
  type TreeNode,
} from "../tree/mod.ts";
export type { Connect } from "./create_connect.ts";
export type { StartNode } from "./create_start_node.ts";
export type { StartNodeOptions } from "./options.ts";
