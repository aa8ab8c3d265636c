/** What a handler on a replica is given. */

import type { ReplicaMachine } from "./replica_machine.ts";
import type { Flip } from "./told_clock.ts";

/** How a replica's clock has moved since handlers were last told; shared by all of them. Several diffs may have become one. */
export interface ReplicaChange<N extends string = string> {
  /**
   * - `diff`: from one seq to a later one of the same epoch, by diffs or a snapshot.
   * - `epoch`: to another life of the source. Flips are states whose activity differs.
   * - `join`: for a binding with `includeActive`: flips are all states that are active.
   */
  readonly type: "diff" | "epoch" | "join";
  readonly epoch: string;
  /** Seq that was told of last; of the epoch before if the type is `epoch`, 0 for `join`. */
  readonly seqBefore: number;
  readonly seq: number;
  /** Wall time of the root when it reached `seq`, in milliseconds since 1970-01-01 UTC; 0 if not known. */
  readonly changedAtMs: number;
  /** Every state that moved, with a handler or not, in index order. */
  readonly flips: readonly Flip<N>[];
  /** W3C trace contexts of transitions in it, as on the wire, the last 16: for spans, and to be handed on with mutations that follow. */
  readonly traceContexts: readonly Uint8Array[];
}

/** One call of a handler. May be kept by async handlers. `S` is the state that the handler is for; undefined for `AnyState`. */
export class ReplicaEvent<N extends string = string, S extends N | undefined = N | undefined> {
  /** The handler's name, such as `ReadyState`. */
  readonly name: string;
  readonly machine: ReplicaMachine<N>;
  readonly state: S;
  /** What happened to the state. A `State` handler whose flip is not active is told late: the activation is over already. */
  readonly flip: S extends N ? Flip<S> : undefined;
  readonly change: ReplicaChange<N>;
  readonly #toDeadline: () => AbortSignal;
  #signal: AbortSignal | undefined = undefined;

  constructor(
    name: string,
    machine: ReplicaMachine<N>,
    flip: Flip<N> | undefined,
    change: ReplicaChange<N>,
    toDeadline: () => AbortSignal,
  ) {
    this.name = name;
    this.machine = machine;
    this.state = flip?.state as S;
    this.flip = flip as ReplicaEvent<N, S>["flip"];
    this.change = change;
    this.#toDeadline = toDeadline;
  }

  /**
   * Aborts when the state's tick moves, when the handler has run for as long as it may, and when the
   * machine is closed. Aborted from the start if the state has moved already.
   */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any([this.#stateSignal(), this.#toDeadline()]);
    return this.#signal;
  }

  #stateSignal(): AbortSignal {
    const { machine, change } = this;
    const flip = this.flip as Flip<N> | undefined;
    if (flip === undefined || machine.signal.aborted) return machine.signal;
    const isNow = machine.epoch === change.epoch && machine.tick(flip.state) === flip.tick;
    return isNow && machine.has(flip.state) ? machine.stateSignal(flip.state) : AbortSignal.abort();
  }
}
