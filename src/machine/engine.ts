/**
 * The engine of a machine: the life of a transition from its resolution to its end. The queue, the
 * resolution, the two handler phases and the calls of handlers have files of their own.
 */

import { ActiveSet } from "./active_set.ts";
import type { CompiledSchema } from "./compiled_schema.ts";
import { toError } from "./errors.ts";
import { runAnyState, runFinals } from "./finals.ts";
import { HandlerIndex } from "./handler_index.ts";
import type { Binding } from "./handlers.ts";
import type { Machine } from "./machine.ts";
import {
  EXECUTED,
  MUTATION_ADD,
  MUTATION_REMOVE,
  type MutationArgs,
  type MutationResult,
  QueuedMutation,
} from "./mutation.ts";
import { MutationQueue } from "./mutation_queue.ts";
import { negotiate } from "./negotiation.ts";
import { Plan } from "./plan.ts";
import { explainPlan } from "./rejection.ts";
import { Resolution } from "./resolution.ts";
import { EXCEPTION } from "./schema.ts";
import type { TracerList } from "./tracer.ts";
import { Transition, type TransitionSource } from "./transition.ts";

/** States whose single Add is a sign of life only: it triggers no auto states. */
const HEALTH_STATES = ["Healthcheck", "Heartbeat"];

/** After so many auto transitions in a row whose handlers threw, the errors themselves start no further one. */
const MOST_AUTO_ERRORS = 10;

/** What the engine needs of the machine around it. */
export interface EngineHost {
  readonly machine: Machine;
  readonly handlerTimeoutMs: number;
  readonly now: () => number;
  /** The ticks of `changed` have moved: by a transition whose final handlers come next, or back by one that failed. */
  onTicksMoved(changed: Int32Array, count: number): void;
  /** A transition that was no check has ended; `changed` are the states whose ticks moved. */
  onTransitionEnd(transition: Transition, changed: Int32Array, count: number): void;
  /** A state's final handler had its turn. */
  onStateEntered(state: number, args: MutationArgs | undefined): void;
  /** The queue is drained. */
  onQueueEnd(): void;
  onError(error: Error): void;
}

export class Engine implements TransitionSource {
  readonly host: EngineHost;
  readonly schema: CompiledSchema;
  readonly active: ActiveSet;
  readonly ticks: Float64Array;
  readonly plan: Plan;
  readonly resolution: Resolution;
  readonly queue: MutationQueue;
  readonly tracers: TracerList;
  readonly transition: Transition;
  /** Index of `Exception`, -1 if the schema lacks it. */
  readonly exceptionIndex: number;
  #bindings: readonly Binding[] = [];
  /** What {@linkcode bindings} have handlers for. */
  handlers: HandlerIndex;
  /** Stays true once anything was bound: from then on transitions negotiate. */
  hasBindings = false;
  /** Whether someone waits for a final handler's turn, so that there is one without handlers. */
  hasArgsWaits = false;

  timeSum = 0;
  isRunning = false;
  backoffUntil = Number.NEGATIVE_INFINITY;

  /** Auto states that a handler took out of the auto transition under way. */
  readonly vetoed = new Set<number>();
  /** Auto transitions in a row that a handler's error ended. */
  #autoErrors = 0;

  readonly #direct: QueuedMutation;
  readonly #auto: QueuedMutation;
  readonly #changed: Int32Array;
  readonly #healthIndexes: readonly number[];

  constructor(schema: CompiledSchema, tracers: TracerList, host: EngineHost) {
    const size = schema.names.length;
    this.host = host;
    this.schema = schema;
    this.tracers = tracers;
    this.active = new ActiveSet(schema);
    this.ticks = new Float64Array(size);
    this.plan = new Plan(size);
    this.resolution = new Resolution(schema, this.active, this.plan);
    this.queue = new MutationQueue(schema);
    this.transition = new Transition(this);
    this.handlers = new HandlerIndex(size, []);
    this.#direct = new QueuedMutation(schema.names, new Int32Array(size));
    this.#auto = new QueuedMutation(schema.names, new Int32Array(size));
    this.#auto.isAuto = true;
    this.#changed = new Int32Array(size);
    this.#healthIndexes = HEALTH_STATES.map((name) => schema.indexByName.get(name) ?? -1);
    this.exceptionIndex = schema.indexByName.get(EXCEPTION) ?? -1;
  }

  get machine(): Machine {
    return this.host.machine;
  }

  get names(): readonly string[] {
    return this.schema.names;
  }

  get bindings(): readonly Binding[] {
    return this.#bindings;
  }

  set bindings(bindings: readonly Binding[]) {
    this.#bindings = bindings;
    this.handlers = new HandlerIndex(this.names.length, bindings);
  }

  /** A mutation to fill in: the engine's own one where it will run at once, so that nothing is allocated. */
  prepare(calledCount: number, isProbe: boolean): QueuedMutation {
    if (isProbe || this.isRunning) {
      return new QueuedMutation(this.names, new Int32Array(calledCount));
    }
    const mutation = this.#direct;
    mutation.args = undefined;
    mutation.context = undefined;
    mutation.isCheck = false;
    mutation.onResult = undefined;
    return mutation;
  }

  /** Appends to the queue and drains it, unless a transition is running. */
  enqueue(mutation: QueuedMutation): MutationResult {
    const { queue } = this;
    if (queue.length > 0 && queue.hasDuplicateOf(mutation)) return EXECUTED;
    queue.number(mutation);
    const result = this.#admit(mutation, false);
    return result ?? { result: "queued", queueTick: mutation.queueTick };
  }

  /** Puts it in front of the queue and drains the queue, unless a transition is running. */
  prepend(mutation: QueuedMutation): MutationResult {
    mutation.queueTick = 0;
    return this.#admit(mutation, true) ?? { result: "queued", queueTick: 0 };
  }

  /** Runs a function that does not throw: at once if no transition is running, else before all that waits. */
  evaluate(run: () => void): void {
    const mutation = new QueuedMutation(this.names, new Int32Array(0));
    mutation.evaluate = run;
    if (this.isRunning) this.queue.unshift(mutation);
    else this.#drain(mutation);
  }

  /** Takes over what outlives a change of the schema. */
  continueFrom(old: Engine): void {
    this.queue.tick = old.queue.tick;
    this.resolution.continueFrom(old.resolution);
    this.hasBindings = old.hasBindings;
    this.backoffUntil = old.backoffUntil;
    this.transition.number = old.transition.number;
  }

  #admit(mutation: QueuedMutation, isFirst: boolean): MutationResult | undefined {
    if (this.isRunning) {
      if (isFirst) this.queue.unshift(mutation);
      else this.queue.push(mutation);
      this.tracers.mutationQueued(this.machine, mutation);
      return undefined;
    }
    // From here on, so that mutations which a tracer makes are queued.
    this.isRunning = true;
    this.tracers.mutationQueued(this.machine, mutation);
    return this.#drain(mutation);
  }

  /** Runs `first`, then the queue until it is empty. Returns the result of `first`. */
  #drain(first: QueuedMutation): MutationResult {
    this.isRunning = true;
    let result: MutationResult;
    try {
      result = this.#runNext(first);
      while (this.queue.length > 0) this.#runNext(this.queue.shift()!);
    } finally {
      this.isRunning = false;
    }
    this.tracers.queueEnd(this.machine);
    this.host.onQueueEnd();
    return result;
  }

  #runNext(mutation: QueuedMutation): MutationResult {
    if (mutation.queueTick > 0) this.queue.advance();
    if (mutation.evaluate !== undefined) {
      mutation.evaluate();
      return EXECUTED;
    }
    const result = this.#run(mutation);
    if (mutation.onResult !== undefined) this.#answer(mutation.onResult, result);
    return result;
  }

  #answer(onResult: (result: MutationResult) => void, result: MutationResult): void {
    try {
      onResult(result);
    } catch (thrown) {
      this.host.onError(toError(thrown));
    }
  }

  #run(mutation: QueuedMutation): MutationResult {
    const { transition, plan, tracers } = this;
    transition.begin(mutation, this.queue.length, this.timeSum);
    this.resolution.resolve(mutation);
    this.#judge(mutation);
    tracers.transitionStart(transition);

    if (this.hasBindings && transition.isAccepted) negotiate(this, mutation);
    if (mutation.isCheck) return this.#end(mutation, 0);
    if (mutation.isAuto && transition.rejected === undefined) this.#settleAuto(mutation);

    let changedCount = 0;
    if (transition.rejected === undefined) {
      changedCount = this.#apply(mutation);
      tracers.transitionFinals(transition);
      if (this.hasBindings || this.hasArgsWaits) runFinals(this, mutation);
      if (this.handlers.hasAnyState && transition.rejected === undefined)
        runAnyState(this, mutation);
    }
    if (transition.rejected === undefined && plan.changeCount > 0 && this.#startsAuto(mutation))
      this.#queueAuto();
    return this.#end(mutation, changedCount);
  }

  #startsAuto(mutation: QueuedMutation): boolean {
    if (mutation.isAuto || this.#isHealth(mutation)) return false;
    return !mutation.isFromAuto || this.#autoErrors < MOST_AUTO_ERRORS;
  }

  #end(mutation: QueuedMutation, changedCount: number): MutationResult {
    const { transition, tracers } = this;
    // A completed transition is one that an error ended.
    if (mutation.isAuto) this.#autoErrors = transition.isCompleted ? this.#autoErrors + 1 : 0;
    transition.isCompleted = true;
    if (transition.rejected !== undefined) transition.isAccepted = false;
    tracers.transitionEnd(transition);
    if (!mutation.isCheck) this.host.onTransitionEnd(transition, this.#changed, changedCount);
    if (transition.rejected !== undefined)
      return { result: "canceled", rejected: transition.rejected };
    return EXECUTED;
  }

  /** The verdict of the relations. */
  #judge(mutation: QueuedMutation): void {
    const { plan, transition } = this;
    const isAccepted =
      mutation.kind === MUTATION_REMOVE ||
      (mutation.isAuto
        ? plan.calledCount > 0
        : plan.isComplete || (mutation.isCheck && this.#callsMulti(mutation)));
    transition.isAccepted = isAccepted;
    if (!isAccepted) transition.rejected = explainPlan(plan, this.names);
  }

  #callsMulti(mutation: QueuedMutation): boolean {
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.schema.multi[mutation.called[i]!] === 1) return true;
    return false;
  }

  /** Resolves an auto mutation again for those of its states that nobody rejected; no handler is asked again. */
  #settleAuto(mutation: QueuedMutation): void {
    const { called } = mutation;
    if (
      this.plan.isComplete &&
      mutation.calledCount === this.plan.calledCount &&
      this.vetoed.size === 0
    )
      return;
    const target = new Set(this.target());
    let kept = 0;
    for (let i = 0; i < mutation.calledCount; i++) {
      const state = called[i]!;
      if (target.has(state) && !this.vetoed.has(state)) called[kept++] = state;
    }
    mutation.calledCount = kept;
    this.resolution.resolve(mutation);
    this.vetoed.clear();
  }

  /** Moves the ticks and the active states to the target. Returns how many states changed. */
  #apply(mutation: QueuedMutation): number {
    const { plan, active, ticks } = this;
    const { enters, exits, reentered, enterCount, exitCount } = plan;
    const changed = this.#changed;
    let count = 0;
    let sum = 0;
    for (let i = 0; i < enterCount; i++) {
      const state = enters[i]!;
      const isReentry = active.isActive[state]!;
      reentered[i] = isReentry;
      ticks[state]! += 1 + isReentry;
      sum += 1 + isReentry;
      changed[count++] = state;
    }
    for (let i = 0; i < exitCount; i++) {
      const state = exits[i]!;
      ticks[state]! += 1;
      changed[count++] = state;
    }
    this.timeSum += sum + exitCount;
    this.transition.timeSumAfter = this.timeSum;
    this.resolution.apply(mutation);
    this.transition.phase = "final";
    if (count > 0) this.host.onTicksMoved(changed, count);
    return count;
  }

  #isHealth(mutation: QueuedMutation): boolean {
    return (
      mutation.kind === MUTATION_ADD &&
      mutation.calledCount === 1 &&
      this.#healthIndexes.includes(mutation.called[0]!)
    );
  }

  #queueAuto(): void {
    if (this.active.candidateCount === 0) return;
    const auto = this.#auto;
    auto.calledCount = this.active.copyCandidates(auto.called);
    auto.context = this.transition.mutation.context;
    this.prepend(auto);
  }

  // What a transition shows of itself.

  statesBefore(): Int32Array {
    return this.resolution.order();
  }

  target(): Int32Array {
    return this.resolution.target();
  }

  sortExits(): void {
    this.resolution.sortExits();
  }

  /** Sets the clock as a whole, after an import. */
  importTicks(ticks: ArrayLike<number>): void {
    const order = this.statesBefore().slice();
    for (const state of order) this.active.deactivate(state);
    this.timeSum = 0;
    for (let state = 0; state < this.ticks.length; state++) {
      const tick = ticks[state] ?? 0;
      this.ticks[state] = tick;
      this.timeSum += tick;
      if (tick % 2 === 1) this.active.activate(state, false);
    }
    this.resolution.isRegular = false;
  }
}
