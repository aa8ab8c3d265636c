/** The handlers of a machine on a replica: what is bound, when they have their turn, and whom a change is told to in which order. */

import { createStateSort, type Schema } from "../machine/mod.ts";
import type { VersionedClock } from "../replication/mod.ts";
import { HandlerRuns, type HandlerRunsOptions } from "./handler_runs.ts";
import type { ReplicaChange } from "./replica_event.ts";
import {
  compileReplicaBinding,
  type ReplicaBinding,
  type ReplicaBindOptions,
  unknownHandlers,
} from "./replica_handlers.ts";
import type { ReplicaMachine } from "./replica_machine.ts";
import { type Flip, flipToActive, ToldClock } from "./told_clock.ts";

export interface LocalHandlersOptions extends Omit<HandlerRunsOptions, "onRoom"> {
  readonly machine: ReplicaMachine;
  readonly clock: VersionedClock;
}

export class LocalHandlers {
  readonly runs: HandlerRuns;
  readonly #options: LocalHandlersOptions;
  // What handlers know. Without handlers, nothing is kept of it.
  readonly #told = new ToldClock();
  #bindings: readonly ReplicaBinding[] = [];
  /** Bound while a change was waiting to be told, which came before them, or with `includeActive`. */
  #fresh: readonly ReplicaBinding[] = [];
  #bindingNumber = 0;
  #cancelTurn: (() => void) | undefined = undefined;
  #isClosed = false;
  /** The schema that handlers were looked for in, and its names. */
  #schema: Schema | undefined = undefined;
  #names: readonly string[] = [];
  #sort: ((indexes: Int32Array) => void) | undefined = undefined;

  constructor(options: LocalHandlersOptions) {
    this.#options = options;
    this.runs = new HandlerRuns({ ...options, onRoom: () => this.schedule() });
  }

  /** Binds a set, after those before. Returns its removal. Throws `MachineError` for a handler that is not final, or whose state is unknown. */
  bind(handlers: Readonly<Record<string, unknown>>, options: ReplicaBindOptions): () => void {
    const { machine, clock } = this.#options;
    const id = options.id ?? `handlers-${++this.#bindingNumber}`;
    const binding = compileReplicaBinding(machine.id, handlers, id, options);
    if (machine.names.length > 0)
      for (const error of unknownHandlers(machine.id, binding, machine.names)) throw error;
    if (this.#isClosed) return () => {};
    if (this.#bindings.length + this.#fresh.length === 0) this.#told.skipTo(clock);
    if (binding.includeActive || this.#told.isBehind(clock)) {
      this.#fresh = [...this.#fresh, binding];
      this.schedule();
    } else {
      this.#bindings = [...this.#bindings, binding];
    }
    return () => {
      binding.isRemoved = true;
      this.#bindings = this.#bindings.filter((other) => other !== binding);
      this.#fresh = this.#fresh.filter((other) => other !== binding);
    };
  }

  /** Tells no more. Resolves when the handlers under way have ended, at their deadline at the latest. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTurn?.();
    this.#bindings = [];
    this.#fresh = [];
    await this.runs.idle();
  }

  /** The clock has moved. Handlers have a turn of their own: what they do holds up neither a diff on its way down nor the proof of its age. */
  schedule(): void {
    if (this.#cancelTurn !== undefined || this.#isClosed) return;
    if (this.#bindings.length + this.#fresh.length === 0) return;
    this.#cancelTurn = this.#options.time.defer(() => {
      this.#cancelTurn = undefined;
      this.#takeTurn();
    });
  }

  #takeTurn(): void {
    // Whoever makes room schedules the next turn; what changes until then becomes one change.
    if (!this.#options.machine.isSynced || this.runs.isFull) return;
    const { clock } = this.#options;
    const { epoch, seq, names, changedAtMs } = clock;
    if (this.#schema !== clock.schema) this.#learn(clock);
    const diff = this.#told.take(clock);
    if (diff !== undefined && diff.flips.length > 0) {
      const traceContexts = clock.traceContextsSince(diff.type === "epoch" ? 0 : diff.seqBefore);
      this.#tell(this.#bindings, { ...diff, epoch, seq, changedAtMs, traceContexts });
    }
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#bindings = [...this.#bindings, ...fresh];
    const joining = fresh.filter(({ includeActive }) => includeActive);
    if (joining.length === 0) return;
    const flips = names.flatMap((name, index) =>
      clock.ticks[index]! % 2 === 1 ? [flipToActive(name, clock.ticks[index]!)] : [],
    );
    if (flips.length === 0) return;
    const change = { type: "join", epoch, seqBefore: 0, seq, changedAtMs, flips } as const;
    this.#tell(joining, { ...change, traceContexts: [] });
  }

  /** Takes in another schema, and says which handlers wait for states that it lacks; not again for the same names. */
  #learn({ schema, names }: VersionedClock): void {
    const areKnown =
      names.length === this.#names.length && names.every((name, i) => name === this.#names[i]);
    this.#schema = schema;
    this.#names = names;
    this.#sort = undefined;
    if (areKnown) return;
    for (const binding of [...this.#bindings, ...this.#fresh])
      for (const error of unknownHandlers(this.#options.machine.id, binding, names))
        this.runs.fail(error);
  }

  /** End of what left, then State of what entered, then AnyState, as in a transition. */
  #tell(bindings: readonly ReplicaBinding[], change: ReplicaChange): void {
    const { flips } = change;
    const call = (kind: "State" | "End", flip: Flip) => {
      for (const binding of bindings) {
        const handler = binding[kind].get(flip.state);
        if (handler === undefined || binding.isRemoved) continue;
        this.runs.call(this.#options.machine, binding, handler, flip, change);
      }
    };
    for (const flip of this.#inOrder(flips.filter((flip) => this.#hasLeft(flip))))
      call("End", flip);
    for (const flip of this.#inOrder(flips.filter(({ activations }) => activations > 0))) {
      call("State", flip);
      if (!flip.isActive) call("End", flip);
    }
    for (const binding of bindings) {
      if (binding.anyState === undefined || binding.isRemoved) continue;
      this.runs.call(this.#options.machine, binding, binding.anyState, undefined, change);
    }
  }

  /** Whether an activation that handlers were told of is over. That of a multi state which is called again goes on. */
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
