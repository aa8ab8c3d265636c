/** What a handler on a replica receives: the event, the change behind it, and what it may use of the machine. */

import type { ClockView, WaitOptions } from "../machine/mod.ts";

/** How one state moved between two clocks. */
export interface Flip<N extends string = string> {
  readonly state: N;
  /** Tick of the last delivered clock; from the previous epoch if the change's type is `epoch`. */
  readonly tickBefore: number;
  /** Current tick; 0 for a state that a new schema no longer has. */
  readonly tick: number;
  readonly wasActive: boolean;
  readonly isActive: boolean;
  /**
   * How often the state became active in between: 0 if it only left, 1 if it entered, more if several
   * changes were merged. For a multi state, each further activation counts too.
   */
  readonly activations: number;
}

/** How a replica's clock moved since the last delivery to handlers; one object for all of them. May merge several diffs. */
export interface ReplicaChange<N extends string = string> {
  /**
   * - `diff`: to a later seq of the same epoch, by diffs or a snapshot.
   * - `epoch`: to another epoch. Flips are the states whose activity differs.
   * - `join`: for a binding with `includeActive`. Flips are all active states.
   */
  readonly type: "diff" | "epoch" | "join";
  readonly epoch: string;
  /** Seq of the last delivered clock; from the previous epoch if the type is `epoch`, 0 for `join`. */
  readonly seqBefore: number;
  readonly seq: number;
  /** Wall time of the root when it reached `seq`, in milliseconds since 1970-01-01 UTC; 0 if unknown. */
  readonly changedAtMs: number;
  /** All flips in index order, with or without a handler. */
  readonly flips: readonly Flip<N>[];
  /** W3C trace contexts of the transitions in it, in wire form, at most the last 16: parents for spans and for mutations that follow. */
  readonly traceContexts: readonly Uint8Array[];
}

/** The read side of a machine on a replica: reads, waits and signals. */
export interface ReplicaView<N extends string = string> extends ClockView<N> {
  /** Whether the replica has received a clock. */
  readonly isSynced: boolean;
  /** 16 lower-case hex digits; empty before the first clock. */
  readonly epoch: string;
  readonly seq: number;
  /** Aborts when the machine is closed. */
  readonly signal: AbortSignal;
  /** Resolves when the first clock has arrived. */
  whenSynced(options?: WaitOptions): Promise<void>;
}

/** One call of a handler; async handlers may keep it. `S` is the handler's state, undefined for `AnyState`. */
export class ReplicaEvent<N extends string = string, S extends N | undefined = N | undefined> {
  /** The handler's name, such as `ReadyState`. */
  readonly name: string;
  readonly machine: ReplicaView<N>;
  readonly state: S;
  /** How the state moved. In a `State` handler, `isActive` is false if the activation has already ended. */
  readonly flip: S extends N ? Flip<S> : undefined;
  readonly change: ReplicaChange<N>;
  readonly #toDeadline: () => AbortSignal;
  #signal: AbortSignal | undefined = undefined;

  constructor(
    name: string,
    machine: ReplicaView<N>,
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
   * Aborts when the state's tick moves, at the handler's deadline, and when the machine is closed.
   * Already aborted if the state has moved since the change.
   */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.any([this.#stateSignal(), this.#toDeadline()]);
    return this.#signal;
  }

  #stateSignal(): AbortSignal {
    const { machine, change } = this;
    const flip = this.flip as Flip<N> | undefined;
    if (flip === undefined || machine.signal.aborted) return machine.signal;
    const isCurrent = machine.epoch === change.epoch && machine.tick(flip.state) === flip.tick;
    return isCurrent && machine.has(flip.state)
      ? machine.stateSignal(flip.state)
      : AbortSignal.abort();
  }
}
