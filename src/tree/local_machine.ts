/** The machine of a relay or leaf, which its local handlers are bound to. */

import { createReplicaMachine, type ReplicaMachine } from "../replica_machine/mod.ts";
import type { VersionedClock } from "../replication/mod.ts";
import type { CoreServices } from "./core.ts";

/** Makes the machine on the replica's clock. Handlers are traced, and their errors are logged. `id` is the node's name, `states` names those known before the first clock. */
export function createLocalMachine<N extends string>(
  clock: VersionedClock,
  id: string,
  states: readonly N[] = [],
  { log, time, telemetry }: CoreServices,
): ReplicaMachine<N> {
  const tracer = telemetry.createHandlerTelemetry();
  const machine = createReplicaMachine<N>(clock, {
    states,
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
  tracer.follow(machine as unknown as ReplicaMachine);
  return machine;
}
