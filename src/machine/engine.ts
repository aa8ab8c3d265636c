/**
 * The engine of a machine: the queue, and the life of a transition from its resolution to its end.
 * `negotiation.ts` and `finals.ts` hold its two handler phases.
 */

import { ActiveSet } from "./active_set.ts";
import type { CompiledSchema } from "./compiled_schema.ts";
import { toError } from "./errors.ts";
import { runAnyState, runFinals } from "./finals.ts";
import { GeneralResolver } from "./general_resolver.ts";
import { HandlerEvent } from "./handler_event.ts";
import { HandlerIndex } from "./handler_index.ts";
import type { Binding, BoundHandler } from "./handlers.ts";
import { IncrementalResolver } from "./incremental_resolver.ts";
import type { Machine } from "./machine.ts";
import {
  EXECUTED,
  MUTATION_ADD,
  MUTATION_REMOVE,
  MUTATION_SET,
  type MutationArgs,
  type MutationResult,
  QueuedMutation,
  type Rejection,
} from "./mutation.ts";
import { negotiate } from "./negotiation.ts";
import { CAUSE_IMPOSSIBLE, CAUSE_REMOVE, CAUSE_REQUIRE, Plan } from "./plan.ts";
import { EXCEPTION } from "./schema.ts";
import { sortTarget } from "./target_order.ts";
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
  readonly tracers: TracerList;
  readonly transition: Transition;
  #bindings: readonly Binding[] = [];
  /** What {@linkcode bindings} have handlers for. */
  handlers: HandlerIndex;
  /** Stays true once anything was bound: from then on transitions negotiate. */
  hasBindings = false;
  /** Whether someone waits for a final handler's turn, so that there is one without handlers. */
  hasArgsWaits = false;

  timeSum = 0;
  queueTick = 1;
  isRunning = false;
  backoffUntil = Number.NEGATIVE_INFINITY;
  /** How many transitions each resolver served. */
  incrementalCount = 0;
  generalCount = 0;

  /** Auto states that a handler took out of the auto transition under way. */
  readonly vetoed = new Set<number>();
  /** Auto transitions in a row that a handler's error ended. */
  #autoErrors = 0;

  #queue: QueuedMutation[] = [];
  #pendingTicks = 0;
  readonly #general: GeneralResolver;
  readonly #incremental: IncrementalResolver | undefined;
  /** Whether the incremental resolver's premises on the active states hold. */
  #isRegular = true;
  #wasIncremental = false;
  readonly #direct: QueuedMutation;
  readonly #auto: QueuedMutation;
  readonly #order: Int32Array;
  readonly #target: Int32Array;
  readonly #changed: Int32Array;
  readonly #healthIndexes: readonly number[];
  readonly #exceptionIndex: number;

  constructor(schema: CompiledSchema, tracers: TracerList, host: EngineHost) {
    const size = schema.names.length;
    this.host = host;
    this.schema = schema;
    this.tracers = tracers;
    this.active = new ActiveSet(schema);
    this.ticks = new Float64Array(size);
    this.plan = new Plan(size);
    this.#general = new GeneralResolver(schema, this.active);
    this.#incremental = IncrementalResolver.accepts(schema)
      ? new IncrementalResolver(schema, this.active)
      : undefined;
    this.transition = new Transition(this);
    this.handlers = new HandlerIndex(size, []);
    this.#direct = new QueuedMutation(schema.names, new Int32Array(size));
    this.#auto = new QueuedMutation(schema.names, new Int32Array(size));
    this.#auto.isAuto = true;
    this.#order = new Int32Array(size);
    this.#target = new Int32Array(size);
    this.#changed = new Int32Array(size);
    this.#healthIndexes = HEALTH_STATES.map((name) => schema.indexByName.get(name) ?? -1);
    this.#exceptionIndex = schema.indexByName.get(EXCEPTION) ?? -1;
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

  get queueLength(): number {
    return this.#queue.length;
  }

  /** The queue, the next one first. */
  get queue(): readonly QueuedMutation[] {
    return this.#queue;
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
    if (this.#queue.length > 0 && this.#isDuplicate(mutation)) return EXECUTED;
    mutation.queueTick = this.queueTick + ++this.#pendingTicks;
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
    if (this.isRunning) this.#queue.unshift(mutation);
    else this.#drain(mutation);
  }

  /** Takes over what outlives a change of the schema. */
  continueFrom(old: Engine): void {
    this.queueTick = old.queueTick;
    this.hasBindings = old.hasBindings;
    this.backoffUntil = old.backoffUntil;
    this.incrementalCount = old.incrementalCount;
    this.generalCount = old.generalCount;
    this.transition.number = old.transition.number;
  }

  /** Empties the queue. */
  clearQueue(): void {
    this.#queue = [];
    this.#pendingTicks = 0;
  }

  #admit(mutation: QueuedMutation, isFirst: boolean): MutationResult | undefined {
    if (this.isRunning) {
      if (isFirst) this.#queue.unshift(mutation);
      else this.#queue.push(mutation);
      this.tracers.mutationQueued(this.machine, mutation);
      return undefined;
    }
    // From here on, so that mutations which a tracer makes are queued.
    this.isRunning = true;
    this.tracers.mutationQueued(this.machine, mutation);
    return this.#drain(mutation);
  }

  #isDuplicate(mutation: QueuedMutation): boolean {
    if (mutation.args !== undefined && Object.keys(mutation.args).length > 0) return false;
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.schema.multi[mutation.called[i]!] === 1) return false;
    return this.findQueued(mutation) >= 0;
  }

  /** Place in the queue of a mutation with the same type and called states, without args and no check; -1 if there is none. */
  findQueued(mutation: QueuedMutation): number {
    return this.#queue.findIndex(
      (other) =>
        other.kind === mutation.kind &&
        !other.isCheck &&
        other.evaluate === undefined &&
        (other.args === undefined || Object.keys(other.args).length === 0) &&
        other.calledCount === mutation.calledCount &&
        mutation.called.subarray(0, mutation.calledCount).every((state) => other.isCalled(state)),
    );
  }

  /** Runs `first`, then the queue until it is empty. Returns the result of `first`. */
  #drain(first: QueuedMutation): MutationResult {
    this.isRunning = true;
    let result: MutationResult;
    try {
      result = this.#runNext(first);
      while (this.#queue.length > 0) this.#runNext(this.#queue.shift()!);
    } finally {
      this.isRunning = false;
    }
    this.tracers.queueEnd(this.machine);
    this.host.onQueueEnd();
    return result;
  }

  #runNext(mutation: QueuedMutation): MutationResult {
    if (mutation.queueTick > 0) {
      this.#pendingTicks = Math.max(0, this.#pendingTicks - 1);
      this.queueTick++;
    }
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
    transition.begin(mutation, this.#queue.length, this.timeSum);
    this.#resolve(mutation, mutation.calledCount);
    this.#judge(mutation);
    tracers.transitionStart(transition);

    if (this.hasBindings && transition.isAccepted) negotiate(this, mutation);
    if (mutation.isCheck) return this.#end(mutation, 0);
    if (mutation.isAuto && transition.rejected === undefined) this.#settleAuto(mutation);

    let changedCount = 0;
    if (transition.rejected === undefined) {
      changedCount = this.#apply();
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

  #resolve(mutation: QueuedMutation, calledCount: number): void {
    const { kind, called } = mutation;
    const resolver = this.#incremental;
    this.#wasIncremental =
      resolver !== undefined &&
      this.#isRegular &&
      kind !== MUTATION_SET &&
      this.active.multiAddCount === 0;
    if (!this.#wasIncremental) {
      this.generalCount++;
      this.#general.resolve(kind, called, calledCount, this.plan);
      return;
    }
    this.incrementalCount++;
    if (kind === MUTATION_ADD)
      resolver!.add(called, calledCount, this.plan, mutation.isAuto || mutation.isCheck);
    else resolver!.remove(called, calledCount, this.plan);
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
    if (!isAccepted) transition.rejected = this.#explain();
  }

  #callsMulti(mutation: QueuedMutation): boolean {
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.schema.multi[mutation.called[i]!] === 1) return true;
    return false;
  }

  #explain(): Rejection {
    const { rejected, cause, causeState } = this.plan;
    const state = this.names[rejected]!;
    switch (cause) {
      case CAUSE_REMOVE:
        return { state, by: `relation Remove of ${this.names[causeState]}` };
      case CAUSE_REQUIRE:
        return { state, by: `relation Require of ${state}, ${this.names[causeState]} is missing` };
      case CAUSE_IMPOSSIBLE:
        return { state, by: `relation Require of ${state}, which names an unknown state` };
      default:
        return { state, by: "relations" };
    }
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
    this.#resolve(mutation, kept);
    this.vetoed.clear();
  }

  /** Moves the ticks and the active states to the target. Returns how many states changed. */
  #apply(): number {
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
    if (this.#wasIncremental) {
      const resolver = this.#incremental!;
      if (this.transition.mutation.type === "remove") {
        for (let i = 0; i < exitCount; i++) active.deactivate(exits[i]!);
      } else {
        resolver.applyOrder(plan);
        if (resolver.breaksPremise) this.#isRegular = false;
      }
    } else {
      for (let i = 0; i < exitCount; i++) active.deactivate(exits[i]!);
      for (let i = 0; i < enterCount; i++)
        if (reentered[i] === 0) active.activate(enters[i]!, false);
      active.reorder(plan.target, plan.targetCount);
      this.#isRegular = this.#incremental !== undefined && !this.#hasActiveConflict(plan);
    }
    this.transition.phase = "final";
    if (count > 0) this.host.onTicksMoved(changed, count);
    return count;
  }

  /** Whether some state of the plan's target removes another one. */
  #hasActiveConflict(plan: Plan): boolean {
    const { isActive } = this.active;
    const { remove } = this.schema;
    for (let i = 0; i < plan.targetCount; i++) {
      const state = plan.target[i]!;
      for (let j = remove[state]!, end = remove[state + 1]!; j < end; j++)
        if (isActive[remove[j]!] === 1) return true;
    }
    return false;
  }

  /**
   * After a panic or timeout of a final handler: deactivates the exits and enters from `from` on, the
   * state whose handler it was (-1: none). Called multi states that stay tick once more by 2, as in
   * each setting of the active states.
   */
  rollback(mutation: QueuedMutation, from: number): void {
    const { plan, active, ticks } = this;
    this.transition.freeze();
    this.#isRegular = false;
    const moved = [
      ...plan.exits.subarray(0, plan.exitCount),
      ...plan.enters.subarray(0, plan.enterCount),
    ];
    const place = from < 0 ? -1 : moved.indexOf(from);
    const movedAgain: number[] = [];
    if (place >= 0) {
      for (const state of moved.slice(place)) {
        if (active.isActive[state] === 0) continue;
        active.deactivate(state);
        ticks[state]! += 1;
        this.timeSum += 1;
        movedAgain.push(state);
      }
    }
    for (let i = 0; i < mutation.calledCount; i++) {
      const state = mutation.called[i]!;
      if (active.isActive[state] === 0 || this.schema.multi[state] === 0) continue;
      ticks[state]! += 2;
      this.timeSum += 2;
      movedAgain.push(state);
    }
    if (movedAgain.length > 0)
      this.host.onTicksMoved(Int32Array.from(movedAgain), movedAgain.length);
  }

  /** Calls every bound handler of an event until one vetoes, panics or times out. Returns whether all let it pass. */
  callHandlers(
    mutation: QueuedMutation,
    pick: (binding: Binding) => BoundHandler | undefined,
    state: number,
    rollbackFrom: number,
  ): boolean {
    for (const binding of this.#bindings) {
      const handler = pick(binding);
      if (
        handler !== undefined &&
        !this.#callHandler(mutation, binding, handler, state, rollbackFrom)
      )
        return false;
    }
    return true;
  }

  #callHandler(
    mutation: QueuedMutation,
    binding: Binding,
    handler: BoundHandler,
    state: number,
    rollbackFrom: number,
  ): boolean {
    const { transition, tracers } = this;
    tracers.handlerStart(transition, binding.id, handler.name);
    let passes = false;
    if (transition.isValid) {
      const startedAt = this.host.now();
      const event = new HandlerEvent(handler.name, this.machine, this.names[state], transition);
      try {
        const returned = handler.run(event);
        if (returned instanceof Promise) this.#watch(returned, handler, event);
        passes = returned !== false || handler.isFinal;
        if (!passes) transition.rejected ??= this.#toVeto(handler, state);
      } catch (thrown) {
        this.#recover(mutation, handler, toError(thrown), state, rollbackFrom);
      }
      const tookMs = this.host.now() - startedAt;
      if (passes && tookMs > this.host.handlerTimeoutMs) {
        passes = false;
        transition.rejected = {
          state: this.names[state]!,
          by: `timeout of handler ${handler.name}`,
        };
        this.machine.handlerTimedOut(handler.name, tookMs);
      }
    }
    tracers.handlerEnd(transition, binding.id, handler.name);
    return passes;
  }

  #toVeto(handler: BoundHandler, state: number): Rejection {
    return state < 0
      ? { by: `handler ${handler.name}` }
      : { state: this.names[state]!, by: `handler ${handler.name}` };
  }

  #watch(promise: Promise<unknown>, handler: BoundHandler, event: HandlerEvent): void {
    const { signal } = event;
    promise.catch((thrown: unknown) => {
      if (!signal.aborted)
        this.machine.addErr(toError(thrown), undefined, { handler: handler.name });
    });
  }

  /** A handler threw: cancels the transition and has `Exception` added next. */
  #recover(
    mutation: QueuedMutation,
    handler: BoundHandler,
    error: Error,
    state: number,
    rollbackFrom: number,
  ): void {
    const { transition } = this;
    this.host.onError(error);
    const rejected = {
      state: this.names[state]!,
      by: `error in handler ${handler.name}: ${error.message}`,
    };
    transition.rejected = state < 0 ? { by: rejected.by } : rejected;
    // An error while Exception is being added would add it for ever.
    if (mutation.isCalled(this.#exceptionIndex)) return;
    if (transition.phase === "final") this.rollback(mutation, rollbackFrom);
    transition.isAccepted = false;
    transition.isCompleted = true;
    const exception = new QueuedMutation(this.names, Int32Array.of(this.#exceptionIndex));
    exception.calledCount = 1;
    exception.args = {
      error,
      handler: handler.name,
      transitionId: transition.id,
      states: mutation.states,
    };
    exception.context = mutation.context;
    exception.isFromAuto = mutation.isAuto;
    this.prepend(exception);
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
    return this.#order.subarray(0, this.active.copyOrder(this.#order));
  }

  target(): Int32Array {
    const { plan } = this;
    if (plan.targetCount >= 0) return plan.target.subarray(0, plan.targetCount);
    const before = this.statesBefore();
    const count = this.#incremental!.copyTarget(before, before.length, this.#target);
    sortTarget(this.schema, this.#target, count);
    return this.#target.subarray(0, count);
  }

  /** Whether a state is in the target. */
  isTarget(state: number): boolean {
    const { plan } = this;
    if (plan.targetCount < 0) return this.#incremental!.isTarget(state);
    for (let i = 0; i < plan.targetCount; i++) if (plan.target[i] === state) return true;
    return false;
  }

  sortExits(): void {
    const { plan } = this;
    if (plan.exitsSorted) return;
    plan.exitsSorted = true;
    this.active.sort(plan.exits, plan.exitCount);
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
    this.#isRegular = false;
  }
}
