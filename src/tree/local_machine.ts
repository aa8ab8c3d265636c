/** The machine of a relay or leaf: what its local handlers are bound to. */

import { type StateName, stateNames } from "../flights/mod.ts";
import {
  createReplicaMachine,
  type Replica,
  type ReplicaMachine,
  type TimeSource,
} from "../replication/mod.ts";
import type { Logger } from "./log.ts";

/** Makes it; what handlers throw is logged. */
export function createLocalMachine(
  replica: Replica,
  id: string,
  log: Logger,
  time: TimeSource,
): ReplicaMachine<StateName> {
  return createReplicaMachine(replica.clock, {
    states: stateNames,
    id,
    time,
    traceContextsSince: (seq) => replica.traceContextsSince(seq),
    onError: (error, event) =>
      log.error("handler failed", {
        handler: event?.name,
        seq: event?.change.seq,
        error: String(error),
        stack: log.enabled("debug") ? error.stack : undefined,
      }),
  });
}
