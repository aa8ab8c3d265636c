/**
 * State machines with relations and a logical clock: named states, each on or off, changed by atomic
 * transitions.
 *
 * ```ts
 * const machine = createMachine(defineSchema({ Start: {}, Ready: { require: ["Start"] } }));
 * machine.add(["Start", "Ready"]); // { result: "executed" }
 * machine.is("Ready"); // true
 * ```
 *
 * @module
 */

export {
  BASE_STATES,
  BASIC,
  BASIC_STATES,
  CONN_POOL,
  CONN_POOL_STATES,
  CONNECTED,
  CONNECTED_STATES,
  DISPOSED,
  DISPOSED_STATES,
  handleDisposal,
  type RegisterDisposalArgs,
  STATE_SOURCE,
  STATE_SOURCE_STATES,
} from "./base_schemas.ts";
export { ClockView, type Names, type WaitOptions } from "./clock_view.ts";
export { MachineError, type MachineErrorCode } from "./errors.ts";
export {
  type CollectedStates,
  collectStates,
  defineGroups,
  defineStates,
  type StatesDefinition,
} from "./groups.ts";
export type { HandlerEvent } from "./handler_event.ts";
export type { BindOptions, FinalHandler, Handlers, NegotiationHandler } from "./handlers.ts";
export {
  History,
  type HistoryOptions,
  type HistoryQuery,
  type HistoryRecord,
  type HistoryWindow,
  recordHistory,
} from "./history.ts";
export { createMachine, Machine } from "./machine.ts";
export type { MachineExport } from "./machine_export.ts";
export type { MachineOptions } from "./machine_options.ts";
export type {
  ArgsFor,
  CheckOptions,
  Mutation,
  MutationArgs,
  MutationOptions,
  MutationResult,
  MutationType,
  Rejection,
} from "./mutation.ts";
export {
  type PipeOptions,
  type PipeTarget,
  pipe,
  pipeAny,
  pipeConnected,
  pipeErr,
  pipeMany,
  pipeReady,
  pipeStart,
  syncStates,
} from "./pipes.ts";
export {
  defineSchema,
  EXCEPTION,
  extendState,
  mergeSchemas,
  prefixSchema,
  type Relation,
  replaceRelations,
  type Schema,
  type StateDefinition,
  type StateName,
} from "./schema.ts";
export {
  activeIndexes,
  diffTime,
  hasReachedTime,
  isTimeAfter,
  isTimeBefore,
  nextActiveTick,
  nextInactiveTick,
  sumTime,
  type Time,
} from "./time.ts";
export type { Tracer } from "./tracer.ts";
export type { Transition } from "./transition.ts";

// For sibling folders: cleaning up a schema that came from elsewhere, hints for misspelt names, and
// what a machine on a replica has in common with this one.

export { throwLater, unknownState } from "./clock_view.ts";
export { toError } from "./errors.ts";
export { createStateSort } from "./handler_order.ts";
export { handlerNames } from "./handlers.ts";
export { Listeners } from "./listeners.ts";
export { nearestNames } from "./nearest_names.ts";
export { parseSchema } from "./schema.ts";
