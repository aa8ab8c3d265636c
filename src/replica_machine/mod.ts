/**
 * A machine on a replica's clock: it reads and waits as a machine does, and runs final handlers when a
 * diff flips a state. It changes nothing: mutations run at the root.
 *
 * ```ts
 * const machine = createReplicaMachine(replica.clock, { states: stateNames, onError: console.error });
 * machine.handle({ ReadyState: ({ change }) => console.log("ready at seq", change.seq) });
 * await machine.when("Flight1Departed");
 * ```
 *
 * @module
 */

export type { HandlerTracer } from "./handler_runs.ts";
export type { ReplicaChange, ReplicaEvent } from "./replica_event.ts";
export type { ReplicaBindOptions, ReplicaHandler, ReplicaHandlers } from "./replica_handlers.ts";
export {
  createReplicaMachine,
  ReplicaMachine,
  type ReplicaMachineOptions,
} from "./replica_machine.ts";
export type { Flip } from "./told_clock.ts";
