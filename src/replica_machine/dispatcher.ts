/** Delivers a clock's changes to bound handlers: which bindings exist, when handlers run, and in which order. */

import { createStateSort, type Schema } from "../machine/mod.ts";
import type { VersionedClock } from "../replication/mod.ts";
import { DeliveredClock, toJoin } from "./delivered_clock.ts";
import type { Flip, ReplicaChange } from "./event.ts";
import { HandlerRuns, type HandlerRunsOptions } from "./handler_runs.ts";
import {
  compileReplicaBinding,
  type ReplicaBinding,
  type ReplicaBindOptions,
  unknownHandlers,
} from "./handlers.ts";

export interface DispatcherOptions extends Omit<HandlerRunsOptions, "onRoom"> {
  readonly clock: VersionedClock;
}

/** A binding that starts with the next turn. */
interface FreshBinding {
  readonly binding: ReplicaBinding;
  /** The clock when it was bound, from which its flips count; undefined with `includeActive`. */
  readonly since: DeliveredClock | undefined;
}

export class Dispatcher {
  readonly runs: HandlerRuns;
  readonly #options: DispatcherOptions;
  // Kept up to date only while handlers are bound.
  readonly #delivered = new DeliveredClock();
  #bindings: readonly ReplicaBinding[] = [];
  /** Bindings that start with the next turn: they have `includeActive`, or were bound while an earlier change was pending. */
  #fresh: readonly FreshBinding[] = [];
  #bindingNumber = 0;
  #cancelTurn: (() => void) | undefined = undefined;
  #isClosed = false;
  /** The schema that handlers were checked against, and its names. */
  #schema: Schema | undefined = undefined;
  #names: readonly string[] = [];
  #sort: ((indexes: Int32Array) => void) | undefined = undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.runs = new HandlerRuns({ ...options, onRoom: () => this.schedule() });
  }

  /** Binds a set after the existing ones. Returns its removal. Throws `MachineError` for a handler that is not final, or whose state is unknown. */
  bind(handlers: Readonly<Record<string, unknown>>, options: ReplicaBindOptions): () => void {
    const { machine, clock } = this.#options;
    const id = options.id ?? `handlers-${++this.#bindingNumber}`;
    const binding = compileReplicaBinding(machine.id, handlers, id, options);
    if (machine.names.length > 0)
      for (const error of unknownHandlers(machine.id, binding, machine.names)) throw error;
    if (this.#isClosed) return () => {};
    if (this.#bindings.length + this.#fresh.length === 0) this.#delivered.skipTo(clock);
    if (binding.includeActive || this.#delivered.isBehind(clock)) {
      const since = binding.includeActive ? undefined : new DeliveredClock();
      since?.skipTo(clock);
      this.#fresh = [...this.#fresh, { binding, since }];
      this.schedule();
    } else {
      this.#bindings = [...this.#bindings, binding];
    }
    return () => {
      binding.isRemoved = true;
      this.#bindings = this.#bindings.filter((other) => other !== binding);
      this.#fresh = this.#fresh.filter((other) => other.binding !== binding);
    };
  }

  /** Calls no more handlers. Resolves when the running ones have ended, at their deadline at the latest. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTurn?.();
    this.#bindings = [];
    this.#fresh = [];
    await this.runs.idle();
  }

  /** To be called after the clock moves. Handlers run in a separate turn, so they delay neither a diff on its way downstream nor the proof of its age. */
  schedule(): void {
    // Runs at each change of the clock: a private getter would cost as much as all else here.
    if (this.#bindings.length + this.#fresh.length === 0) return;
    if (this.#isClosed) return;
    // The first clock has no flips. Those that arrive before the turn count from it.
    if (!this.#delivered.hasStarted) this.#delivered.skipTo(this.#options.clock);
    if (this.#cancelTurn !== undefined) return;
    this.#cancelTurn = this.#options.time.defer(() => {
      this.#cancelTurn = undefined;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    const { machine, clock } = this.#options;
    // The end of a run schedules the next turn; changes until then merge into one.
    if (!machine.isSynced || this.runs.isFull) return;
    if (this.#schema !== clock.schema) this.#learn(clock);
    const change = this.#delivered.take(clock);
    if (change.flips.length > 0) this.#deliver(this.#bindings, change);
    if (this.#fresh.length > 0) this.#start();
  }

  /** Makes the fresh bindings like the others, once they have received what they lack. */
  #start(): void {
    const { clock } = this.#options;
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#bindings = [...this.#bindings, ...fresh.map(({ binding }) => binding)];
    for (const { binding, since } of fresh) {
      const change = since?.take(clock);
      if (change !== undefined && change.flips.length > 0) this.#deliver([binding], change);
    }
    const joining = fresh.filter(({ since }) => since === undefined);
    if (joining.length === 0) return;
    const join = toJoin(clock);
    if (join.flips.length > 0)
      this.#deliver(
        joining.map(({ binding }) => binding),
        join,
      );
  }

  /** Takes a new schema and reports handlers whose states it lacks; once for the same names. */
  #learn({ schema, names }: VersionedClock): void {
    const areKnown =
      names.length === this.#names.length && names.every((name, i) => name === this.#names[i]);
    this.#schema = schema;
    this.#names = names;
    this.#sort = undefined;
    if (areKnown) return;
    for (const binding of [...this.#bindings, ...this.#fresh.map(({ binding }) => binding)])
      for (const error of unknownHandlers(this.#options.machine.id, binding, names))
        this.runs.fail(error);
  }

  /** Calls the End handlers of states that left, the State handlers of those that entered, then AnyState, as a transition does. */
  #deliver(bindings: readonly ReplicaBinding[], change: ReplicaChange): void {
    const call = (kind: "State" | "End", flip: Flip) => {
      for (const binding of bindings) {
        const handler = binding[kind].get(flip.state);
        if (handler === undefined || binding.isRemoved) continue;
        this.runs.call(binding, handler, flip, change);
      }
    };
    for (const flip of this.#inOrder(change.flips.filter((flip) => this.#hasLeft(flip))))
      call("End", flip);
    for (const flip of this.#inOrder(change.flips.filter(({ activations }) => activations > 0))) {
      call("State", flip);
      if (!flip.isActive) call("End", flip);
    }
    for (const binding of bindings) {
      if (binding.anyState === undefined || binding.isRemoved) continue;
      this.runs.call(binding, binding.anyState, undefined, change);
    }
  }

  /** Whether the delivered activation has ended. That of a multi state goes on if the state was activated again. */
  #hasLeft({ state, wasActive, activations }: Flip): boolean {
    return wasActive && (activations === 0 || this.#options.clock.schema[state]?.multi !== true);
  }

  #inOrder(flips: readonly Flip[]): readonly Flip[] {
    if (flips.length < 2) return flips;
    const { clock } = this.#options;
    this.#sort ??= createStateSort(clock.schema, clock.names);
    const gone = flips.filter(({ state }) => clock.indexOf(state) < 0);
    const byIndex = new Map(flips.map((flip) => [clock.indexOf(flip.state), flip]));
    byIndex.delete(-1);
    const indexes = Int32Array.from(byIndex.keys());
    this.#sort(indexes);
    return [...gone, ...Array.from(indexes, (index) => byIndex.get(index)!)];
  }
}
