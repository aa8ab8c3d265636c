/**
 * A machine on a replica's clock: it reads and waits like a machine, and runs final handlers when a
 * diff flips a state. It changes nothing: mutations run at the root.
 *
 * ```ts
 * const machine = createReplicaMachine(replica.clock, { states: stateNames, onError: console.error });
 * machine.handle({ ReadyState: ({ change }) => console.log("ready at seq", change.seq) });
 * await machine.when("Flight1Departed");
 * ```
 *
 * `SPEC.md` has the rules. Programs rely on which handlers a flip calls, in which order, and on what
 * an event holds: change those only together with SPEC.md and its tests. Free to change is how: the turn,
 * the copy of the delivered clock, the bookkeeping of runs. Keep two properties: handlers never run within
 * the call that applies a diff, and memory follows the number of states and handlers, not of changes.
 *
 * @module
 */

export type { Flip, ReplicaChange, ReplicaEvent, ReplicaView } from "./event.ts";
export type { HandlerTracer } from "./handler_runs.ts";
export type { ReplicaBindOptions, ReplicaHandler, ReplicaHandlers } from "./handlers.ts";
export {
  createReplicaMachine,
  ReplicaMachine,
  type ReplicaMachineOptions,
  type ReplicaTracer,
} from "./replica_machine.ts";
