/**
 * State machines with relations and a logical clock: named states, each active or inactive, changed by
 * atomic transitions. README.md shows how to use them, SPEC.md says what they guarantee.
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
  type CallArgs,
  type CallContext,
  CallError,
  type CallErrorCode,
  type CallOptions,
  type CallResult,
  type ServedCall,
  type ServedCalls,
} from "./calls.ts";
export { ClockView, type Names, type ViewSnapshot, type WaitOptions } from "./clock_view.ts";
export { createMachine } from "./engine/create_machine.ts";
export { MachineError, type MachineErrorCode } from "./errors.ts";
export {
  type AddAndWaitOptions,
  type AwaitedStates,
  addAndWait,
  BASE_STATES,
  BASIC,
  BASIC_STATES,
  ChangeHistory,
  type ChangeHistoryOptions,
  type ChangeQuery,
  type ChangeRecord,
  type ChangeSource,
  CONN_POOL,
  CONN_POOL_STATES,
  CONNECTED,
  CONNECTED_STATES,
  type CollectedStates,
  collectStates,
  createTransitionLog,
  DISPOSED,
  DISPOSED_STATES,
  defineGroups,
  defineStates,
  exportMachines,
  extendState,
  type GroupMachine,
  History,
  type HistoryOptions,
  type HistoryQuery,
  type HistoryRecord,
  type HistoryWindow,
  handleDisposal,
  importMachines,
  logTransitions,
  type MachinesExport,
  mergeSchemas,
  type PipeOptions,
  type PipeSink,
  type PipeSource,
  type PipeTarget,
  pipe,
  pipeAny,
  pipeConnected,
  pipeErr,
  pipeMany,
  pipeReady,
  pipeStart,
  prefixSchema,
  type RecordQuery,
  type RegisterDisposalArgs,
  type RetryOptions,
  recordHistory,
  replaceRelations,
  retryMutation,
  STATE_SOURCE,
  STATE_SOURCE_STATES,
  type StateRecord,
  type StatesDefinition,
  syncStates,
  TRANSITION_LOG_LEVELS,
  type TracedChange,
  type TransitionLogLevel,
  type TransitionLogOptions,
  whenAll,
  whenAny,
} from "./extras/mod.ts";
export type {
  BindOptions,
  BoundHandlers,
  FinalHandler,
  HandlerEvent,
  Handlers,
  Machine,
  NegotiationHandler,
  Tracer,
  Transition,
} from "./machine.ts";
export type { MachineExport } from "./machine_export.ts";
export type { MachineOptions } from "./machine_options.ts";
export type {
  AddParams,
  ArgsFor,
  CheckOptions,
  Mutation,
  MutationArgs,
  MutationOptions,
  MutationResult,
  MutationSource,
  MutationType,
  Rejection,
} from "./mutation.ts";
export {
  defineSchema,
  EXCEPTION,
  type Relation,
  type Schema,
  type StateDefinition,
  type StateName,
} from "./schema.ts";
export type { Ticks } from "./waits/ticks.ts";

// For sibling folders: schemas from elsewhere, hints for misspelt names, and what a machine on a
// replica's clock shares with this one.

export { throwLater, toError, unknownState } from "./errors.ts";
export { handlerValues, hasHandlerSuffix, isClassInstance } from "./handlers/binding.ts";
export { createStateSort } from "./handlers/handler_order.ts";
export { Listeners } from "./listeners.ts";
export { nearestNames } from "./nearest_names.ts";
export { parseSchema } from "./schema.ts";
