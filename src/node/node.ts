/**
 * Starts nodes of the tree in a program of yours, on Node.js. `deno.ts` and `bun.ts` export the same names.
 *
 * ```ts
 * const root = await startNode({ machine, addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" });
 * const leaf = await startNode({ name: "leaf", parentAddr: root.addr, addr: "127.0.0.1:0", httpAddr: "127.0.0.1:0" });
 * ```
 *
 * @module
 */

import * as runtime from "../runtime/node.ts";
import { type Connect, createConnect } from "./create_connect.ts";
import { createStartNode, type StartNode } from "./create_start_node.ts";

export * from "./exports.ts";

// `environment()` of the runtime would read `.env` into this process, which belongs to the user's program.
export const startNode: StartNode = createStartNode({
  ...runtime,
  environment: () => process.env,
});

export const connect: Connect = createConnect(runtime);
