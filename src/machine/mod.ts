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

export { ClockView, type Names, type WaitOptions } from "./clock_view.ts";
export { MachineError, type MachineErrorCode } from "./errors.ts";
export type { HandlerEvent } from "./handler_event.ts";
export type { BindOptions, FinalHandler, Handlers, NegotiationHandler } from "./handlers.ts";
export {
  type ArgsFor,
  createMachine,
  Machine,
  type MachineExport,
  type MachineOptions,
} from "./machine.ts";
export type {
  Mutation,
  MutationArgs,
  MutationOptions,
  MutationResult,
  MutationType,
  Rejection,
} from "./mutation.ts";
// For sibling folders: cleaning up a schema that came from elsewhere, and hints for misspelt names.
export { nearestNames } from "./nearest_names.ts";
export {
  defineSchema,
  EXCEPTION,
  extendState,
  mergeSchemas,
  parseSchema,
  prefixSchema,
  type Relation,
  replaceRelations,
  type Schema,
  type StateDefinition,
  type StateName,
} from "./schema.ts";
export type { Tracer } from "./tracer.ts";
export type { Transition } from "./transition.ts";
