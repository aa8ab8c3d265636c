/** The read side of a machine: its engine's clock, active states, and the waits that follow its queue. */

import { ClockView, type Names, type WaitOptions } from "./clock_view.ts";
import { Disposal } from "./disposal.ts";
import type { Engine } from "./engine.ts";
import type { Mutation, MutationArgs, MutationResult } from "./mutation.ts";
import type { Schema } from "./schema.ts";
import { ArgsWaits } from "./waits/args_waits.ts";
import { QueueWaits } from "./waits/queue_waits.ts";

export abstract class EngineView<N extends string = string> extends ClockView<N> {
  /** For subclasses: the engine of the current schema; set by the constructor. */
  protected abstract engine: Engine;
  protected readonly disposal = new Disposal();
  protected readonly argsWaits = new ArgsWaits();
  protected readonly queueWaits = new QueueWaits();

  override get names(): readonly N[] {
    return this.engine.schema.names as readonly N[];
  }

  override get schema(): Schema<N> {
    return this.engine.schema.schema as Schema<N>;
  }

  override get ticks(): Float64Array {
    return this.engine.ticks;
  }

  override get timeSum(): number {
    return this.engine.timeSum;
  }

  override indexOf(name: string): number {
    return this.engine.schema.indexByName.get(name) ?? -1;
  }

  /** Active states in the order of the last target, or those of `states` that are active, in that order. */
  override activeStates(states?: readonly N[]): N[] {
    if (this.isDisposed) return [];
    if (states !== undefined) return super.activeStates(states);
    const order = this.engine.resolution.order();
    const { names } = this;
    const active: N[] = [];
    for (let i = 0; i < order.length; i++) active.push(names[order[i]!]!);
    return active;
  }

  override is(states: Names<N>): boolean {
    return this.disposal.isLive && super.is(states);
  }

  override not(states: Names<N>): boolean {
    return this.disposal.isLive && super.not(states);
  }

  override has(states: Names<N>): boolean {
    return this.disposal.isLive && super.has(states);
  }

  override tick(state: N): number {
    return this.disposal.isLive ? super.tick(state) : 0;
  }

  get isDisposed(): boolean {
    return !this.disposal.isLive;
  }

  /** Grows with each appended mutation that is taken from the queue; starts at 1. */
  get queueTick(): number {
    return this.engine.queue.tick;
  }

  /** Mutations that wait, the next one first. */
  get queue(): readonly Mutation<N>[] {
    const waiting = this.engine.queue.items.filter(({ evaluate }) => evaluate === undefined);
    return waiting as readonly Mutation[] as readonly Mutation<N>[];
  }

  /** How many transitions were resolved incrementally, at a cost that follows what they touch, and how many over the whole clock. */
  get resolverCounts(): { readonly incremental: number; readonly general: number } {
    const { incrementalCount, generalCount } = this.engine.resolution;
    return { incremental: incrementalCount, general: generalCount };
  }

  /** Resolves when the state's final handlers have had their turn with these args (each equal by `===`). Never at once. */
  whenArgs(state: N, args: MutationArgs, options: WaitOptions = {}): Promise<void> {
    const index = this.toIndexes(state)[0]!;
    if (this.isDisposed) return Promise.resolve();
    const promise = this.argsWaits.add(index, args, options.signal);
    this.engine.hasArgsWaits = this.argsWaits.count > 0;
    return promise;
  }

  /** Resolves when a queued mutation has run, executed or not; at once for any other result. */
  whenQueue(result: MutationResult<N>): Promise<void> {
    const tick = result.result === "queued" ? result.queueTick : 0;
    if (tick <= this.queueTick || this.isDisposed) return Promise.resolve();
    return this.queueWaits.forTick(tick);
  }

  /** Resolves when the queue is drained; at once if nothing runs. */
  whenQueueEnd(): Promise<void> {
    return this.engine.isRunning ? this.queueWaits.forEnd() : Promise.resolve();
  }

  /** Number of waits that are open. */
  get waitCount(): number {
    return this.waits.count + this.argsWaits.count + this.queueWaits.count;
  }

  /** Resolves when the machine is disposed. */
  whenDisposed(): Promise<void> {
    return this.disposal.done;
  }
}
