/**
 * What can be built on a machine from outside, and what the tree does not use: schemas made of parts,
 * base schemas, groups of states, history, pipes between machines, export of several
 * machines, a log of transitions. The core never imports this folder.
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
export {
  ChangeHistory,
  type ChangeHistoryOptions,
  type ChangeQuery,
  type ChangeRecord,
  type ChangeSource,
  type TracedChange,
} from "./change_history.ts";
export { extendState, mergeSchemas, prefixSchema, replaceRelations } from "./compose_schemas.ts";
export {
  type CollectedStates,
  collectStates,
  defineGroups,
  defineStates,
  type StatesDefinition,
} from "./groups.ts";
export {
  History,
  type HistoryOptions,
  type HistoryQuery,
  type HistoryRecord,
  recordHistory,
} from "./history.ts";
export {
  exportMachines,
  type GroupMachine,
  importMachines,
  type MachinesExport,
} from "./machine_group.ts";
export {
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
  syncStates,
} from "./pipes.ts";
export type { HistoryWindow, RecordQuery, StateRecord } from "./records.ts";
export {
  createTransitionLog,
  logTransitions,
  TRANSITION_LOG_LEVELS,
  type TransitionLogLevel,
  type TransitionLogOptions,
} from "./transition_log.ts";
export {
  type AddAndWaitOptions,
  type AwaitedStates,
  addAndWait,
  type RetryOptions,
  retryMutation,
  whenAll,
  whenAny,
} from "./waiting.ts";
