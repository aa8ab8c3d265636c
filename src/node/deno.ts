/**
 * Starts nodes of the tree in a program of yours, on Deno: the same names as `node.ts`.
 *
 * @module
 */

import * as runtime from "../runtime/deno.ts";
import { type Connect, createConnect } from "./create_connect.ts";
import { createStartNode, type StartNode } from "./create_start_node.ts";

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

export const startNode: StartNode = createStartNode(runtime);

export const connect: Connect = createConnect(runtime);
