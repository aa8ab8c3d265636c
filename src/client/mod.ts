/**
 * A machine that runs elsewhere in a tree, as one object: Web standards only, for browsers and whatever else
 * has a `fetch` that reaches a node's HTTP API.
 *
 * ```ts
 * const door = await connect("http://127.0.0.1:18703");
 * await door.add("Open"); // runs at the root, and is visible here when it resolves
 * door.is("Open"); // true
 * ```
 *
 * `recordHistory(door)` and `door.trace({ change })` record the changes of the copy's clock: transitions do not
 * travel. `src/node` has the same `connect` over HTTP/2. May change: defaults and texts. Must not: that a mutation
 * resolves only when this copy shows its version.
 *
 * @module
 */

import { fetchTransport } from "../replication/mod.ts";
import { type ConnectTarget, connectOver } from "./connect.ts";
import type { RemoteMachine } from "./remote_machine.ts";

export type { Flip, ReplicaChange, ReplicaTracer } from "../replica_machine/mod.ts";
export type { ConnectOptions, ConnectTarget, NodeAddress } from "./connect.ts";
export {
  type CheckResult,
  type RemoteCallOptions,
  RemoteMachine,
  type RemoteMutationOptions,
} from "./remote_machine.ts";

/**
 * Connects to a machine through the HTTP API of a node, by `fetch`; a page's origin must be among the node's
 * `TST_CORS_ORIGINS`. Resolves once the first clock is here. See `ConnectOptions`.
 */
export function connect<N extends string = string>(
  target: ConnectTarget<N>,
): Promise<RemoteMachine<N>> {
  return connectOver(() => ({ transport: fetchTransport }), target);
}

// For sibling folders: the same over another transport.

export { type Connection, connectOver } from "./connect.ts";
