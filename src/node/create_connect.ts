/** `connect()` over HTTP/2 for any runtime. */

import { type ConnectTarget, connectOver, type RemoteMachine } from "../client/mod.ts";
import type { NodeRuntime } from "./create_start_node.ts";

/**
 * Connects to a machine through the replication address of any node of its tree, and resolves once its first clock
 * is here. See `ConnectOptions`.
 */
export type Connect = <N extends string = string>(
  target: ConnectTarget<N>,
) => Promise<RemoteMachine<N>>;

export function createConnect(runtime: Pick<NodeRuntime, "createHttp2Transport">): Connect {
  return (target) =>
    connectOver(() => {
      const transport = runtime.createHttp2Transport();
      return { transport: transport.fetch, close: () => transport.close() };
    }, target);
}
