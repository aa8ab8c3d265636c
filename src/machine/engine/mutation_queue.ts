/** The queue of a machine: its mutations and the queue tick. */

import type { MutationArgs, QueuedMutation } from "../mutation.ts";
import type { CompiledSchema } from "../resolver/compiled_schema.ts";

export class MutationQueue {
  readonly #schema: CompiledSchema;
  #items: QueuedMutation[] = [];
  /** How many queued mutations have a tick. */
  #pendingTicks = 0;
  /** Grows by 1 with each appended mutation taken from the queue; starts at 1. */
  tick = 1;

  constructor(schema: CompiledSchema) {
    this.#schema = schema;
  }

  get length(): number {
    return this.#items.length;
  }

  /** The queued mutations, the next one first. */
  get items(): readonly QueuedMutation[] {
    return this.#items;
  }

  /** Assigns the tick on which an appended mutation will run. */
  assignTick(mutation: QueuedMutation): void {
    mutation.queueTick = this.tick + ++this.#pendingTicks;
  }

  push(mutation: QueuedMutation): void {
    this.#items.push(mutation);
  }

  unshift(mutation: QueuedMutation): void {
    this.#items.unshift(mutation);
  }

  /** Removes and returns the next mutation; undefined if the queue is empty. */
  shift(): QueuedMutation | undefined {
    return this.#items.shift();
  }

  /** Counts a mutation with a tick that is about to run. */
  advance(): void {
    this.#pendingTicks = Math.max(0, this.#pendingTicks - 1);
    this.tick++;
  }

  clear(): void {
    this.#items = [];
    this.#pendingTicks = 0;
  }

  /** Whether an equal mutation is in the queue, so that this one can be dropped. Never true with args or a multi state. */
  hasDuplicateOf(mutation: QueuedMutation): boolean {
    if (hasArgs(mutation.args)) return false;
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.#schema.multi[mutation.called[i]!] === 1) return false;
    return this.has(mutation);
  }

  /** Whether the queue has a mutation of the same type and called states, without args; checks do not count. */
  has(mutation: QueuedMutation): boolean {
    const { kind, called, calledCount } = mutation;
    return this.#items.some(
      (other) =>
        other.kind === kind &&
        !other.isCheck &&
        other.evaluate === undefined &&
        !hasArgs(other.args) &&
        other.calledCount === calledCount &&
        called.subarray(0, calledCount).every((state) => other.isCalled(state)),
    );
  }
}

function hasArgs(args: MutationArgs | undefined): boolean {
  return args !== undefined && Object.keys(args).length > 0;
}
