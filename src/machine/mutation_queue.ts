/** The queue of a machine: the mutations that wait, and the queue tick. */

import type { CompiledSchema } from "./compiled_schema.ts";
import type { MutationArgs, QueuedMutation } from "./mutation.ts";

export class MutationQueue {
  readonly #schema: CompiledSchema;
  #items: QueuedMutation[] = [];
  /** How many mutations have a tick ahead of {@linkcode tick}. */
  #pendingTicks = 0;
  /** Grows with each appended mutation that is taken; starts at 1. */
  tick = 1;

  constructor(schema: CompiledSchema) {
    this.#schema = schema;
  }

  get length(): number {
    return this.#items.length;
  }

  /** What waits, the next one first. */
  get items(): readonly QueuedMutation[] {
    return this.#items;
  }

  /** Gives an appended mutation the tick on which it will run. */
  number(mutation: QueuedMutation): void {
    mutation.queueTick = this.tick + ++this.#pendingTicks;
  }

  push(mutation: QueuedMutation): void {
    this.#items.push(mutation);
  }

  unshift(mutation: QueuedMutation): void {
    this.#items.unshift(mutation);
  }

  /** Takes out the next one; undefined if nothing waits. */
  shift(): QueuedMutation | undefined {
    return this.#items.shift();
  }

  /** A numbered mutation is about to run. */
  advance(): void {
    this.#pendingTicks = Math.max(0, this.#pendingTicks - 1);
    this.tick++;
  }

  clear(): void {
    this.#items = [];
    this.#pendingTicks = 0;
  }

  /** Whether the queue holds, anywhere, what the mutation asks for, so that it can be dropped: never where it has args or calls a multi state. */
  hasDuplicateOf(mutation: QueuedMutation): boolean {
    if (hasArgs(mutation.args)) return false;
    for (let i = 0; i < mutation.calledCount; i++)
      if (this.#schema.multi[mutation.called[i]!] === 1) return false;
    return this.has(mutation);
  }

  /** Whether a mutation with the same type and called states waits, without args and no check. */
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
