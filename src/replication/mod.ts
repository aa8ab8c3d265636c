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
 * Four rooms, each knows only those before it: `clock/` (the clock and what rides on it), `wire/` (messages
 * and their bytes), `down/` (publisher and server) and `up/` (replica and client); the last two never know
 * each other. May change: pacing, limits, how parts are cut. Must not: the bytes of a message
 * (`wire/wire_compat.test.ts`), and the rules that SPEC.md numbers, each with its tests.
 *
 * @module
 */

export {
  CAN_ADD_CALL,
  CAN_REMOVE_CALL,
  type Call,
  type CallRequest,
  type CallResponse,
} from "./clock/call.ts";
export { ReplicationError, type ReplicationErrorCode } from "./clock/errors.ts";
export {
  MUTATION_TYPES,
  type Mutate,
  type MutateOptions,
  type MutationRequest,
  type MutationResponse,
} from "./clock/mutation.ts";
export { encodeArgs } from "./clock/mutation_args.ts";
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
export {
  createSource,
  type Source,
  type SourceOptions,
  type SourceTracer,
} from "./clock/source.ts";
export { systemTime, type TimeSource } from "./clock/time_source.ts";
export { type ClockChange, VersionedClock } from "./clock/versioned_clock.ts";
export type { Downstream } from "./down/downstream.ts";
export { Publisher, type PublisherOptions } from "./down/publisher.ts";
export { createReplicationServer, type ReplicationServerOptions } from "./down/server.ts";
export type { DownstreamTracer, PushedEvent, PushingEvent } from "./down/tracer.ts";
export type { ReplicationTracer } from "./tracer.ts";
export type { Transport } from "./up/client.ts";
export { fetchTransport } from "./up/fetch_transport.ts";
export type { LinkStatus } from "./up/link_status.ts";
export type { ReplicaOptions } from "./up/replica.ts";
export { Replica } from "./up/replica.ts";
export type {
  AppliedEvent,
  LinkLoss,
  LinkMove,
  ResyncReason,
  UpstreamTracer,
} from "./up/tracer.ts";
export { schemaHash } from "./wire/schema_codec.ts";

// For sibling folders: deadlines and waits, trace contexts and their bytes, and what lies on the wire.

export { fromHex, toHex } from "./clock/hex.ts";
export {
  formatTraceparent,
  isSampled,
  isTraceContext,
  NO_TRACE_CONTEXTS,
  parseTraceparent,
  TRACE_CONTEXT_BYTES,
  traceIdOf,
} from "./clock/trace_context.ts";
export { sleep, withDeadline } from "./clock/waiting.ts";
export type { BodyWriter, PushStream, WriterEvents } from "./down/push_body.ts";
export { REPLICATION_PATHS, readBytes } from "./wire/connect.ts";
export { decodeClockMessage, encodeClockMessage } from "./wire/message_codec.ts";
export type { ClockMessage } from "./wire/messages.ts";
