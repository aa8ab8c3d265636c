/**
 * Mutations that reach a source within a transition of its own machine: they run later, so their response waits
 * until the machine's queue has reached them.
 */

import type { Machine, MutationResult, Transition } from "../../machine/mod.ts";
import type { MutationRequest, MutationResponse } from "./mutation.ts";
import type { VersionedClock } from "./versioned_clock.ts";

interface Waiting {
  readonly type: string;
  readonly states: readonly string[];
  readonly resolve: (response: MutationResponse) => void;
}

export class NestedMutations {
  /** Whether none waits. A field, as it is read at each transition. */
  isEmpty = true;
  readonly #machine: Machine;
  readonly #clock: VersionedClock;
  /** By queue tick; several if the machine dropped duplicates. */
  readonly #waiting = new Map<number, Waiting[]>();

  constructor(machine: Machine, clock: VersionedClock) {
    this.#machine = machine;
    this.#clock = clock;
  }

  /** The response to a mutation that the machine has just queued, or dropped as a duplicate of one in the queue. */
  async wait(
    { states }: MutationRequest,
    type: string,
    result: MutationResult,
  ): Promise<MutationResponse> {
    const tick = result.result === "queued" ? result.queueTick : this.#tickOfEqual(type, states);
    if (tick === 0) {
      await this.#machine.whenQueueEnd();
      return { result: "executed", version: this.#clock.version };
    }
    const { promise, resolve } = Promise.withResolvers<MutationResponse>();
    const waiting = { type, states, resolve };
    this.#waiting.set(tick, [...(this.#waiting.get(tick) ?? []), waiting]);
    this.isEmpty = false;
    await this.#machine.whenQueue({ result: "queued", queueTick: tick });
    // It has run, unless it was dropped from the queue.
    if (this.#waiting.get(tick)?.includes(waiting)) this.#forget(tick);
    const rejected = { by: "a handler's deadline, which emptied the queue" };
    resolve({ result: "canceled", version: this.#clock.version, rejected });
    return promise;
  }

  /** To be called at the end of each transition, before the clock advances. */
  ended({ mutation, rejected, timeSumBefore, timeSumAfter }: Transition): void {
    const waiting = this.#waiting.get(mutation.queueTick);
    if (waiting === undefined) return;
    this.#forget(mutation.queueTick);
    const { epoch, seq } = this.#clock;
    const version = `${epoch}-${timeSumAfter === timeSumBefore ? seq : seq + 1}`;
    for (const { type, states, resolve } of waiting) {
      // After the queue was emptied, its ticks are used again.
      if (type !== mutation.type || !areEqual(states, mutation.states)) continue;
      if (rejected === undefined) resolve({ result: "executed", version });
      else resolve({ result: "canceled", version, rejected });
    }
  }

  #forget(tick: number): void {
    this.#waiting.delete(tick);
    this.isEmpty = this.#waiting.size === 0;
  }

  /** Queue tick of a mutation that makes this one a duplicate; 0 if there is none. */
  #tickOfEqual(type: string, states: readonly string[]): number {
    const equal = this.#machine.queue.find(
      (queued) =>
        queued.type === type &&
        !queued.isCheck &&
        Object.keys(queued.args ?? {}).length === 0 &&
        areEqual(queued.states, states),
    );
    return equal?.queueTick ?? 0;
  }
}

/** Whether both name the same states, in any order. */
function areEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.every((state) => b.includes(state)) && b.every((state) => a.includes(state));
}
