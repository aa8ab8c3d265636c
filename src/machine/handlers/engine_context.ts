/** What the engine and its handler phases need of each other and of the machine around them, as types. */

import type { Machine, Transition } from "../machine.ts";
import type { MutationArgs, MutationResult, QueuedMutation } from "../mutation.ts";
import type { ActiveSet } from "../resolver/active_set.ts";
import type { CompiledSchema } from "../resolver/compiled_schema.ts";
import type { Plan } from "../resolver/plan.ts";
import type { Resolution } from "../resolver/resolution.ts";
import type { Binding } from "./binding.ts";
import type { HandlerIndex } from "./handler_index.ts";
import type { TracerList } from "./tracer_list.ts";
import type { EngineTransition } from "./transition.ts";

/** What the engine needs of the machine around it. */
export interface EngineHost {
  readonly machine: Machine;
  readonly handlerTimeoutMs: number;
  readonly now: () => number;
  /** The ticks of `changed` have moved: in a transition whose final handlers come next, or in its rollback. */
  onTicksMoved(changed: Int32Array, count: number): void;
  /** A transition other than a check has ended; `changed` are the states whose ticks it moved. */
  onTransitionEnd(transition: Transition, changed: Int32Array, count: number): void;
  /** A state's final handlers have had their turn. */
  onStateEntered(state: number, args: MutationArgs | undefined): void;
  /** The queue is drained. */
  onQueueEnd(): void;
  /** A handler ran for `tookMs`, longer than {@linkcode handlerTimeoutMs}. */
  onHandlerTimeout(handler: string, tookMs: number): void;
  onError(error: Error): void;
}

/** The engine as its handler phases see it. */
export interface EngineContext {
  readonly host: EngineHost;
  readonly schema: CompiledSchema;
  readonly active: ActiveSet;
  readonly ticks: Float64Array;
  readonly plan: Plan;
  readonly resolution: Resolution;
  readonly tracers: TracerList;
  readonly transition: EngineTransition;
  /** Index of `Exception`, -1 if the schema lacks it. */
  readonly exceptionIndex: number;
  readonly bindings: readonly Binding[];
  /** Which states and pairs {@linkcode bindings} have handlers for. */
  readonly handlers: HandlerIndex;
  /** Auto states that a handler took out of the running auto transition. */
  readonly vetoed: Set<number>;
  /** Whether anyone waits for a final handler's turn, so that states have one even without handlers. */
  readonly hasArgsWaits: boolean;
  /** Sum of all ticks. */
  timeSum: number;
  /** Puts a mutation in front of the queue. */
  prepend(mutation: QueuedMutation): MutationResult;
}
