/** The machine of a relay or leaf, which its local handlers are bound to. */

import { type StateName, stateNames } from "../flights/mod.ts";
import { createReplicaMachine, type ReplicaMachine } from "../replica_machine/mod.ts";
import type { VersionedClock } from "../replication/mod.ts";
import type { CoreServices } from "./core.ts";

/** Makes the machine on the replica's clock. Handlers are traced, and their errors are logged. `id` is the node's name. */
export function createLocalMachine(
  clock: VersionedClock,
  id: string,
  { log, time, telemetry }: CoreServices,
): ReplicaMachine<StateName> {
  const tracer = telemetry.createHandlerTelemetry();
  const machine = createReplicaMachine(clock, {
    states: stateNames,
    id,
    time,
    tracer,
    onError(error, event) {
      const fields = {
        handler: event?.name,
        seq: event?.change.seq,
        error: String(error),
        stack: log.enabled("debug") ? error.stack : undefined,
      };
      log.error("handler failed", fields, event?.change.traceContexts.at(-1));
    },
  });
  tracer.follow(machine as ReplicaMachine);
  return machine;
}
