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

export { ReplicationError, type ReplicationErrorCode } from "./clock/errors.ts";
export {
  coversSelection,
  createSelection,
  describeSelection,
  isSelected,
  listSelection,
  parseSelection,
  SELECTION_LIMITS,
  type Selection,
} from "./clock/selection.ts";
export { createSource, type Source, type SourceOptions } from "./clock/source.ts";
export { systemTime, type TimeSource } from "./clock/time_source.ts";
// For telemetry, which puts contexts of its own in the place of those that came.
export { TracedTransitions } from "./clock/traced_transitions.ts";
export { type ClockChange, VersionedClock } from "./clock/versioned_clock.ts";
export type { Downstream } from "./down/downstream.ts";
export { Publisher, type PublisherOptions } from "./down/publisher.ts";
// For runtimes that write to connections of their own.
export type { BodyReader, BodyWriter, PushStream } from "./down/push_body.ts";
export {
  createReplicationServer,
  type Mutate,
  type MutateOptions,
  type ReplicationServerOptions,
} from "./down/server.ts";
export type { LinkLoss, LinkMove, ReplicationTracer, ResyncReason } from "./tracer.ts";
export type { Transport } from "./up/client.ts";
export { fetchTransport } from "./up/fetch_transport.ts";
export type { LinkStatus } from "./up/link_status.ts";
export { Replica } from "./up/replica.ts";
export type { ReplicaOptions } from "./up/replica_options.ts";
// For tools that read the wire.
export { type ClockMessage, decodeClockMessage, encodeClockMessage } from "./wire/messages.ts";
export {
  MUTATION_TYPES,
  type MutationRequest,
  type MutationResponse,
} from "./wire/mutation_messages.ts";
export { REPLICATION_PATHS } from "./wire/protocol.ts";
