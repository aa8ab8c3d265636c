/** Calls for mutations and checks, up to the queue: refused, turned into indexes, or handed to the engine. */

import type { ClockView, Names } from "../clock_view.ts";
import { MachineError, notArgs, notStates, unknownState } from "../errors.ts";
import type { ResolvedOptions } from "../machine_options.ts";
import {
  type CheckOptions,
  EXECUTED,
  MUTATION_REMOVE,
  MUTATION_SET,
  type MutationArgs,
  type MutationKind,
  type MutationOptions,
  type MutationResult,
  type QueuedMutation,
} from "../mutation.ts";
import type { Disposal } from "./disposal.ts";
import type { Engine } from "./engine.ts";

export class Requests<N extends string> {
  readonly #view: ClockView<N>;
  readonly #options: ResolvedOptions;
  readonly #disposal: Disposal;
  #engine: Engine;
  /** Per state: the number of the last request that named it, to drop repeated names. */
  #seen: Int32Array;
  #seenNumber = 0;

  /** `view` is the machine; its errors name it. */
  constructor(view: ClockView<N>, options: ResolvedOptions, disposal: Disposal, engine: Engine) {
    this.#view = view;
    this.#options = options;
    this.#disposal = disposal;
    this.#engine = engine;
    this.#seen = new Int32Array(engine.schema.names.length);
  }

  /** The engine of the current schema. */
  set engine(engine: Engine) {
    this.#engine = engine;
    this.#seen = new Int32Array(engine.schema.names.length);
  }

  /** Runs or queues a mutation, or returns why the machine refuses it. Throws `MachineError` for an unknown state. */
  mutate(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    options: MutationOptions | undefined,
  ): MutationResult<N> {
    const engine = this.#engine;
    const refused = this.refuse(kind !== MUTATION_SET);
    if (refused !== undefined) return refused;
    const mutation = this.#prepare(kind, states, args, options, false);
    if (engine.queue.length >= this.#options.queueLimit && !this.#mayOverflow(mutation))
      return canceled(`queue limit of ${this.#options.queueLimit}`);
    if (
      kind === MUTATION_REMOVE &&
      engine.isRunning &&
      engine.queue.length === 0 &&
      !this.#callsActive(mutation)
    ) {
      return EXECUTED;
    }
    return engine.enqueue(mutation) as MutationResult<N>;
  }

  /** Runs a check, or puts it in front of the queue. */
  check(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    options: CheckOptions<N> | undefined,
  ): MutationResult<N> {
    const refused = this.refuse(true);
    if (refused !== undefined) {
      options?.onResult?.(refused);
      return refused;
    }
    const mutation = this.#prepare(kind, states, args, options, false);
    mutation.isCheck = true;
    mutation.onResult = options?.onResult as QueuedMutation["onResult"];
    return this.#engine.prepend(mutation) as MutationResult<N>;
  }

  /** Whether a mutation of exactly these states, without args, is in the queue. */
  isQueued(kind: MutationKind, states: Names<N>): boolean {
    return this.#engine.queue.has(this.#prepare(kind, states, undefined, undefined, true));
  }

  /** Runs a function between transitions. Rejects with what it throws. */
  evaluate<T>(run: () => T): Promise<Awaited<T>> {
    if (!this.#disposal.isLive) {
      return Promise.reject(
        new MachineError("disposed", `Cannot run on machine "${this.#view.id}": it is disposed`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#engine.evaluate(() => {
        try {
          resolve(run() as Awaited<T>);
        } catch (thrown) {
          reject(thrown);
        }
      });
    });
  }

  /** The result of any mutation while the machine accepts none; undefined if it accepts them. */
  refuse(heedsBackoff: boolean): MutationResult<never> | undefined {
    if (!this.#disposal.isLive) return canceled("disposal of the machine");
    const { backoffUntil } = this.#engine;
    if (
      heedsBackoff &&
      backoffUntil > Number.NEGATIVE_INFINITY &&
      this.#options.now() < backoffUntil
    ) {
      return canceled("backoff after a handler's deadline");
    }
    return undefined;
  }

  /** A mutation with its states as indexes, each once. A probe never runs. */
  #prepare(
    kind: MutationKind,
    states: Names<N>,
    args: unknown,
    options: MutationOptions | undefined,
    isProbe: boolean,
  ): QueuedMutation {
    const isOne = typeof states === "string";
    if (!isOne && !Array.isArray(states)) throw notStates(states);
    const mutation = this.#engine.prepare(isOne ? 1 : states.length, isProbe);
    const { called } = mutation;
    mutation.kind = kind;
    if (args !== undefined) {
      if (typeof args !== "object" || args === null || Array.isArray(args))
        throw notArgs(args, states);
      mutation.args = args as MutationArgs;
    }
    if (options !== undefined) {
      mutation.context = options.context;
      if (options.source !== undefined) mutation.givenSource = options.source;
    }
    if (isOne) {
      called[0] = this.#indexOrThrow(states);
      mutation.calledCount = 1;
      return mutation;
    }
    const seen = this.#seen;
    const number = ++this.#seenNumber;
    let count = 0;
    for (let i = 0; i < states.length; i++) {
      const index = this.#indexOrThrow(states[i]!);
      if (seen[index] === number) continue;
      seen[index] = number;
      called[count++] = index;
    }
    mutation.calledCount = count;
    return mutation;
  }

  /** A full queue still accepts the add of an inactive `Exception` and the remove of an active one. */
  #mayOverflow(mutation: QueuedMutation): boolean {
    const { exceptionIndex, active } = this.#engine;
    if (mutation.kind === MUTATION_SET || !mutation.isCalled(exceptionIndex)) return false;
    return (active.isActive[exceptionIndex] === 1) === (mutation.kind === MUTATION_REMOVE);
  }

  #callsActive(mutation: QueuedMutation): boolean {
    const { isActive } = this.#engine.active;
    for (let i = 0; i < mutation.calledCount; i++)
      if (isActive[mutation.called[i]!] === 1) return true;
    return false;
  }

  #indexOrThrow(name: N): number {
    const index = this.#engine.schema.indexByName.get(name);
    if (index === undefined) throw unknownState(this.#view, name);
    return index;
  }
}

export function canceled(by: string): MutationResult<never> {
  return { result: "canceled", rejected: { by } };
}
