/** Trees of replicas in memory, for tests: one process, virtual time, faults on demand. */

import { createMachine, type Machine, type Schema } from "../machine/mod.ts";
import {
  type Call,
  type ClockMessage,
  createReplicationServer,
  createSource,
  decodeClockMessage,
  encodeClockMessage,
  type Mutate,
  Publisher,
  parseSelection,
  Replica,
  type ReplicationTracer,
  type Source,
  type VersionedClock,
} from "../replication/mod.ts";
import { encodeEnvelope } from "../replication/wire/connect.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { VirtualTime } from "./virtual_time.ts";

export interface TreeRoot {
  readonly machine: Machine;
  readonly source: Source;
  readonly publisher: Publisher;
  readonly clock: VersionedClock;
  /** Ends it like a killed process: without a message to anyone. */
  kill(): void;
}

export interface TreeReplica {
  readonly replica: Replica;
  readonly publisher: Publisher;
  readonly clock: VersionedClock;
  kill(): Promise<void>;
}

export class ReplicationTree {
  readonly time = new VirtualTime();
  readonly network = new MemoryNetwork();
  readonly #schema: Schema;
  readonly #nodes: { kill(): void | Promise<void> }[] = [];
  #lives = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  root(name = "root", schema = this.#schema): TreeRoot {
    const { time } = this;
    const machine = createMachine(schema, { id: "flights" }) as unknown as Machine;
    const source = createSource(machine, {
      time,
      epoch: (++this.#lives).toString(16).padStart(16, "0"),
    });
    const publisher = new Publisher(source.clock, { name, machineId: machine.id, time });
    const unlisten = this.#listen(
      name,
      publisher,
      async (request) => source.mutate(request),
      (request, options) => source.call(request, options),
    );
    return this.#keep({
      machine,
      source,
      publisher,
      clock: source.clock,
      kill() {
        unlisten();
        publisher.close();
      },
    });
  }

  replica(
    name: string,
    upstream: string | readonly string[],
    options: {
      pushIntervalMs?: number;
      tracer?: ReplicationTracer;
      onListenerError?: (error: Error) => void;
      /** As in `TST_STATES`. */
      states?: string;
    } = {},
  ): TreeReplica {
    const { time, network } = this;
    const selection = options.states === undefined ? undefined : parseSelection(options.states);
    const replica = new Replica({
      name,
      addresses: typeof upstream === "string" ? [upstream] : upstream,
      transport: network.transport,
      time,
      random: () => 0.5,
      selection,
      ...(options.tracer && { tracer: options.tracer }),
      ...(options.onListenerError && { onListenerError: options.onListenerError }),
    });
    const publisher = new Publisher(replica.clock, {
      name,
      machineId: "flights",
      ageMs: () => replica.ageMs(),
      upstreamPath: () => replica.path,
      pushIntervalMs: options.pushIntervalMs ?? 50,
      selection,
      time,
    });
    const unlisten = this.#listen(
      name,
      publisher,
      (request, mutateOptions) => replica.mutate(request, mutateOptions),
      (request, callOptions) => replica.call(request, callOptions),
    );
    replica.start();
    return this.#keep({
      replica,
      publisher,
      clock: replica.clock,
      async kill() {
        unlisten();
        publisher.close();
        await replica.close();
      },
    });
  }

  /** Kills all nodes. */
  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.kill()));
  }

  /** Changes each message from the node at `address` by what `change` returns; undefined leaves it as it is. */
  tamper(change: (message: ClockMessage, address: string) => Partial<ClockMessage> | undefined) {
    this.network.onPiece = (address, piece) => {
      const message = decodeClockMessage(piece.subarray(5));
      const changed = change(message, address);
      if (changed === undefined) return piece;
      return encodeEnvelope(encodeClockMessage({ ...message, ...changed }));
    };
  }

  #keep<T extends TreeRoot | TreeReplica>(node: T): T {
    this.#nodes.push(node);
    return node;
  }

  #listen(name: string, publisher: Publisher, mutate: Mutate, call: Call): () => void {
    return this.network.listen(
      name,
      createReplicationServer({ publisher, mutate, call, time: this.time }),
    );
  }
}
