/** A machine, and a clock that follows it like a replica's, when the test says so. */

import { createMachine, type Machine, type StateDefinition } from "../machine/mod.ts";
import {
  createReplicaMachine,
  type ReplicaMachine,
  type ReplicaMachineOptions,
} from "../replica_machine/mod.ts";
import { createSource, type Source, VersionedClock } from "../replication/mod.ts";
import { settle, VirtualTime } from "./virtual_time.ts";

export class FollowedClock<N extends string> {
  readonly time = new VirtualTime();
  readonly clock = new VersionedClock();
  /** Errors passed to `onError`. */
  readonly errors: string[] = [];
  readonly #states: readonly N[];
  readonly #schema: Readonly<Record<N, StateDefinition<NoInfer<N>>>>;
  machine!: Machine;
  source!: Source;
  #lives = 0;

  /** The index order is the order of the schema's keys, then `Exception`. */
  constructor(schema: Readonly<Record<N, StateDefinition<NoInfer<N>>>>) {
    this.#schema = schema;
    this.#states = Object.keys(schema) as N[];
    this.restart();
  }

  /** The source restarts, optionally with another schema. */
  restart(schema: Record<string, StateDefinition> = this.#schema): void {
    this.machine = createMachine(schema, {
      id: "m",
      states: [...Object.keys(schema), "Exception"],
    }) as unknown as Machine;
    const epoch = (++this.#lives).toString(16).padStart(16, "0");
    this.source = createSource(this.machine, { time: this.time, epoch });
  }

  replica(options: Partial<ReplicaMachineOptions<N>> = {}): ReplicaMachine<N> {
    return createReplicaMachine<N>(this.clock, {
      states: this.#states,
      time: this.time,
      onError: (error) => this.errors.push(error.message),
      ...options,
    });
  }

  /** Runs mutations at the source, one by one: `+A,B -C` adds A and B, then removes C. */
  run(mutations: string): void {
    for (const mutation of mutations.split(" "))
      this.machine[mutation.startsWith("+") ? "add" : "remove"](mutation.slice(1).split(","));
  }

  /** Runs mutations, applies them as one diff, and lets handlers and waits run. */
  async push(mutations: string, traceContexts?: readonly Uint8Array[]): Promise<void> {
    this.run(mutations);
    this.diff(traceContexts);
    await settle();
  }

  /** Applies everything that changed as one diff, with the trace contexts of its transitions. */
  diff(traceContexts: readonly Uint8Array[] = []): void {
    const { clock } = this.source;
    const moved: [index: number, tick: number][] = [];
    clock.forEachChangedSince(this.clock.seq, (...change) => moved.push(change));
    moved.sort(([a], [b]) => a - b);
    this.clock.advance(
      clock.seq,
      Uint32Array.from(moved, ([index]) => index),
      moved.map(([, tick]) => tick),
      clock.changedAtMs,
      traceContexts,
    );
  }

  snapshot(schema = this.source.clock.schema): void {
    const { epoch, seq, names, ticks, changedAtMs } = this.source.clock;
    // A replica decodes new name strings from each snapshot.
    this.clock.reset({ epoch, seq, schema, names: [...names], ticks, changedAtMs });
  }
}
