/**
 * Starts nodes of the tree in a program of yours, on Bun: the same names as `node.ts`.
 *
 * @module
 */

import * as runtime from "../runtime/bun.ts";
import { type Connect, createConnect } from "./create_connect.ts";
import { createStartNode, type StartNode } from "./create_start_node.ts";

export * from "./exports.ts";

export const startNode: StartNode = createStartNode(runtime);

export const connect: Connect = createConnect(runtime);
