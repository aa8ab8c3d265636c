/**
 * Replication of a machine's clock: a source numbers its changes, publishers send them down a tree
 * of replicas. `SPEC.md` has the rules.
 *
 * ```ts
 * const source = createSource(machine);
 * const publisher = new Publisher(source.clock, { name: "root", machineId: machine.id });
 * const replica = new Replica({ name: "leaf", addresses: ["127.0.0.1:19700"], transport });
 * replica.start();
 * ```
 *
 * @module
 */

export type { Transport } from "./client.ts";
export type { Downstream } from "./downstream.ts";
export { ReplicationError, type ReplicationErrorCode } from "./errors.ts";
export { fetchTransport } from "./fetch_transport.ts";
export type { HandlerTracer } from "./handler_runs.ts";
export type { LinkStatus } from "./link_status.ts";
// For tools that read the wire.
export { type ClockMessage, decodeClockMessage, encodeClockMessage } from "./messages.ts";
export { MUTATION_TYPES, type MutationReply, type MutationRequest } from "./mutation_messages.ts";
export { REPLICATION_PATHS } from "./protocol.ts";
export { Publisher, type PublisherOptions } from "./publisher.ts";
// For runtimes that write to connections of their own.
export type { BodyReader, BodyWriter, PushStream } from "./push_body.ts";
export { Replica } from "./replica.ts";
export type { ReplicaChange, ReplicaEvent } from "./replica_event.ts";
export type { ReplicaBindOptions, ReplicaHandler, ReplicaHandlers } from "./replica_handlers.ts";
export {
  createReplicaMachine,
  ReplicaMachine,
  type ReplicaMachineOptions,
} from "./replica_machine.ts";
export type { ReplicaOptions } from "./replica_options.ts";
export {
  coversSelection,
  createSelection,
  describeSelection,
  isSelected,
  listSelection,
  parseSelection,
  SELECTION_LIMITS,
  type Selection,
} from "./selection.ts";
export {
  createReplicationServer,
  type Mutate,
  type MutateOptions,
  type ReplicationServerOptions,
} from "./server.ts";
export { createSource, type Source, type SourceOptions } from "./source.ts";
export { systemTime, type TimeSource } from "./time_source.ts";
export type { Flip } from "./told_clock.ts";
// For telemetry, which puts contexts of its own in the place of those that came.
export { TracedTransitions } from "./traced_transitions.ts";
export type { LinkLoss, LinkMove, ReplicationTracer, ResyncReason } from "./tracer.ts";
export { type ClockChange, VersionedClock } from "./versioned_clock.ts";
