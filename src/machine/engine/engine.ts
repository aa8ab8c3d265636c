/**
 * The engine of a machine: runs one mutation after another, each as a transition from its resolution to
 * its end. The queue, the resolvers, the two handler phases and the calls of handlers are in other files.
 */

import { toError } from "../errors.ts";
import type { Binding } from "../handlers/binding.ts";
import type { EngineContext, EngineHost } from "../handlers/engine_context.ts";
import { runAnyState, runFinals } from "../handlers/finals.ts";
import { HandlerIndex } from "../handlers/handler_index.ts";
import { negotiate } from "../handlers/negotiation.ts";
import { explainPlan } from "../handlers/rejection.ts";
import type { TracerList } from "../handlers/tracer_list.ts";
import { EngineTransition } from "../handlers/transition.ts";
import type { Machine } from "../machine.ts";
import {
  EXECUTED,
  MUTATION_ADD,
  MUTATION_REMOVE,
  type MutationResult,
  QueuedMutation,
} from "../mutation.ts";
import { ActiveSet } from "../resolver/active_set.ts";
import type { CompiledSchema } from "../resolver/compiled_schema.ts";
import { Plan } from "../resolver/plan.ts";
import { Resolution } from "../resolver/resolution.ts";
import { EXCEPTION } from "../schema.ts";
import { MutationQueue } from "./mutation_queue.ts";

/** An add of one of these states by itself triggers no auto states: it is only a sign of life. */
const HEALTH_STATES = ["Healthcheck", "Heartbeat"];

/** After this many auto transitions in a row whose handlers threw, adding the error triggers no further auto transition. */
const MAX_AUTO_ERRORS = 10;

export class Engine implements EngineContext {
  readonly host: EngineHost;
  readonly schema: CompiledSchema;
  readonly active: ActiveSet;
  readonly ticks: Float64Array;
  readonly plan: Plan;
  readonly resolution: Resolution;
  readonly queue: MutationQueue;
  readonly tracers: TracerList;
  readonly transition: EngineTransition;
  readonly exceptionIndex: number;
  #bindings: readonly Binding[] = [];
  handlers: HandlerIndex;
  /** Whether anything was ever bound: from then on transitions call handlers. */
  hasEverBound = false;
  hasArgsWaits = false;

  timeSum = 0;
  isRunning = false;
  /** Until then (monotonic milliseconds) mutations are refused, except sets. */
  backoffUntil = Number.NEGATIVE_INFINITY;

  readonly vetoed = new Set<number>();
  /** Auto transitions in a row that a handler's error ended. */
  #autoErrors = 0;

  /** Reused for every mutation that runs at once, so that it allocates nothing. */
  readonly #direct: QueuedMutation;
  /** Reused for every auto mutation. */
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
    this.transition = new EngineTransition(
      host.machine,
      schema.names,
      this.ticks,
      this.plan,
      this.resolution,
    );
    this.handlers = new HandlerIndex(size, []);
    this.#direct = new QueuedMutation(schema.names, new Int32Array(size), host.machine.id);
    this.#auto = new QueuedMutation(schema.names, new Int32Array(size), host.machine.id);
    this.#auto.isAuto = true;
    this.#changed = new Int32Array(size);
    this.#healthIndexes = HEALTH_STATES.map((name) => schema.indexByName.get(name) ?? -1);
    this.exceptionIndex = schema.indexByName.get(EXCEPTION) ?? -1;
  }

  get machine(): Machine {
    return this.host.machine;
  }

  get bindings(): readonly Binding[] {
    return this.#bindings;
  }

  set bindings(bindings: readonly Binding[]) {
    this.#bindings = bindings;
    this.handlers = new HandlerIndex(this.schema.names.length, bindings);
  }

  /** A mutation for the caller to fill in: the engine's own one if it will run at once, a new one for the queue or a probe. */
  prepare(calledCount: number, isProbe: boolean): QueuedMutation {
    if (isProbe || this.isRunning) {
      const queued = this.#create(new Int32Array(calledCount));
      if (this.transition.isRunning) queued.causedBy(this.transition.number, this.timeSum);
      return queued;
    }
    const mutation = this.#direct;
    mutation.givenSource = undefined;
    mutation.args = undefined;
    mutation.context = undefined;
    mutation.isCheck = false;
    mutation.onResult = undefined;
    return mutation;
  }

  #create(called: Int32Array): QueuedMutation {
    return new QueuedMutation(this.schema.names, called, this.machine.id);
  }

  /** Appends a mutation to the queue and drains the queue, unless a transition is running. */
  enqueue(mutation: QueuedMutation): MutationResult {
    const { queue } = this;
    if (queue.length > 0 && queue.hasDuplicateOf(mutation)) return EXECUTED;
    queue.assignTick(mutation);
    const result = this.#admit(mutation, false);
    return result ?? { result: "queued", queueTick: mutation.queueTick };
  }

  /** Puts a mutation in front of the queue and drains the queue, unless a transition is running. */
  prepend(mutation: QueuedMutation): MutationResult {
    mutation.queueTick = 0;
    return this.#admit(mutation, true) ?? { result: "queued", queueTick: 0 };
  }

  /** Runs a function that does not throw: at once if no transition is running, otherwise before everything in the queue. */
  evaluate(run: () => void): void {
    const mutation = this.#create(new Int32Array(0));
    mutation.evaluate = run;
    if (this.isRunning) this.queue.unshift(mutation);
    else this.#drain(mutation);
  }

  /** Takes over the clock and counters of the engine of a previous schema. `toNew` maps its indexes; -1 for a state that is gone. */
  continueFrom(old: Engine, toNew: (index: number) => number): void {
    const ticks = new Float64Array(this.ticks.length);
    for (let i = 0; i < old.ticks.length; i++) if (toNew(i) >= 0) ticks[toNew(i)] = old.ticks[i]!;
    this.importTicks(ticks);
    const order = Int32Array.from(old.resolution.order(), toNew).filter((index) => index >= 0);
    this.active.reorder(order, order.length);
    this.queue.tick = old.queue.tick;
    this.resolution.continueFrom(old.resolution);
    this.hasEverBound = old.hasEverBound;
    this.backoffUntil = old.backoffUntil;
    this.transition.number = old.transition.number;
  }

  /** Sets the whole clock, for an import. */
  importTicks(ticks: ArrayLike<number>): void {
    for (const state of this.resolution.order().slice()) this.active.deactivate(state);
    this.timeSum = 0;
    for (let state = 0; state < this.ticks.length; state++) {
      const tick = ticks[state] ?? 0;
      this.ticks[state] = tick;
      this.timeSum += tick;
      if (tick % 2 === 1) this.active.activate(state, false);
    }
    this.resolution.premisesHold = false;
  }

  /** Queues the mutation within a transition and returns undefined; otherwise runs it, drains the queue and returns its result. */
  #admit(mutation: QueuedMutation, isFirst: boolean): MutationResult | undefined {
    if (this.isRunning) {
      if (isFirst) this.queue.unshift(mutation);
      else this.queue.push(mutation);
      this.tracers.mutationQueued(this.machine, mutation);
      return undefined;
    }
    // Set before the hook runs, so that mutations made by a tracer are queued.
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
    if (mutation.onResult !== undefined) this.#report(mutation.onResult, result);
    return result;
  }

  #report(onResult: (result: MutationResult) => void, result: MutationResult): void {
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

    if (this.hasEverBound && transition.isAccepted) negotiate(this, mutation);
    if (mutation.isCheck) return this.#end(mutation, 0);
    if (mutation.isAuto && transition.rejected === undefined) this.#settleAuto(mutation);

    let changedCount = 0;
    if (transition.rejected === undefined) {
      changedCount = this.#apply(mutation);
      tracers.transitionFinals(transition);
      if (this.hasEverBound || this.hasArgsWaits) runFinals(this, mutation);
      if (this.handlers.hasAnyState && transition.rejected === undefined)
        runAnyState(this, mutation);
    }
    if (transition.rejected === undefined && plan.changeCount > 0 && this.#startsAuto(mutation))
      this.#queueAuto();
    return this.#end(mutation, changedCount);
  }

  #end(mutation: QueuedMutation, changedCount: number): MutationResult {
    const { transition, tracers } = this;
    // Only a handler's error ends the handling before this point.
    if (mutation.isAuto) this.#autoErrors = transition.isHandlingOver ? this.#autoErrors + 1 : 0;
    transition.isHandlingOver = true;
    if (transition.rejected !== undefined) transition.isAccepted = false;
    tracers.transitionEnd(transition);
    if (!mutation.isCheck) this.host.onTransitionEnd(transition, this.#changed, changedCount);
    transition.isRunning = false;
    if (transition.rejected !== undefined)
      return { result: "canceled", rejected: transition.rejected };
    return EXECUTED;
  }

  /** Accepts or rejects the mutation according to the relations. */
  #judge(mutation: QueuedMutation): void {
    const { plan, transition } = this;
    const isAccepted =
      mutation.kind === MUTATION_REMOVE ||
      (mutation.isAuto
        ? plan.grantedCount > 0
        : plan.isComplete || (mutation.isCheck && this.#callsMulti(mutation)));
    transition.isAccepted = isAccepted;
    if (!isAccepted) transition.rejected = explainPlan(plan, this.schema.names);
  }

  #callsMulti(mutation: QueuedMutation): boolean {
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.schema.multi[mutation.called[i]!] === 1) return true;
    return false;
  }

  /** Resolves an auto mutation again for the states that neither relations nor handlers rejected; calls no handler again. */
  #settleAuto(mutation: QueuedMutation): void {
    const { called } = mutation;
    if (
      this.plan.isComplete &&
      mutation.calledCount === this.plan.grantedCount &&
      this.vetoed.size === 0
    )
      return;
    const target = new Set(this.resolution.target());
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

  #startsAuto(mutation: QueuedMutation): boolean {
    if (mutation.isAuto || this.#isHealth(mutation)) return false;
    return !mutation.isFromAuto || this.#autoErrors < MAX_AUTO_ERRORS;
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
    auto.causedBy(this.transition.number, this.timeSum);
    this.prepend(auto);
  }
}
