/** The nodes of a simulation: the real source, publisher, replica and server, on a simulated process. */

import { createMachine, type Machine, type Schema } from "../../machine/mod.ts";
import {
  createReplicationServer,
  createSelection,
  createSource,
  type Mutate,
  Publisher,
  Replica,
  ReplicationError,
  type ReplicationTracer,
  type Transport,
  type VersionedClock,
} from "../../replication/mod.ts";
import type { SimProcess } from "./process.ts";
import type { Random } from "./random.ts";
import type { NodeSpec } from "./scenario.ts";

export const MACHINE_ID = "flights";

/** A node, from one start to its end. */
export interface SimNode {
  readonly spec: NodeSpec;
  readonly process: SimProcess;
  readonly clock: VersionedClock;
  readonly publisher: Publisher;
  readonly serve: (request: Request) => Promise<Response>;
  readonly mutate: Mutate;
  /** Only on the root. */
  readonly machine: Machine | undefined;
  /** On all other nodes. */
  readonly replica: Replica | undefined;
  /** Ends it cleanly. */
  close(): void;
}

export interface RootParts {
  readonly spec: NodeSpec;
  readonly process: SimProcess;
  readonly schema: Schema;
  readonly random: Random;
  readonly tracer: ReplicationTracer;
  /** Called for each mutation that ran, with its `args.id`. */
  readonly onRun: (id: string, isCanceled: boolean) => void;
  readonly onError: (error: unknown) => void;
}

export function createRoot(parts: RootParts): SimNode {
  const { spec, process, schema, random, tracer, onRun, onError } = parts;
  const { time } = process;
  const machine = createMachine(schema, {
    id: MACHINE_ID,
    now: () => time.monotonic(),
  }) as unknown as Machine;
  machine.trace({
    transitionEnd({ mutation, isCanceled }) {
      const { id } = (mutation.args ?? {}) as { id?: string };
      if (id !== undefined && !mutation.isAuto) onRun(id, isCanceled);
    },
  });
  const source = createSource(machine, { time, epoch: () => random.hex64() });
  const mutate: Mutate = async (request) => source.mutate(request);
  const publisher = new Publisher(source.clock, {
    ...publisherOptions(spec),
    time,
    tracer,
  });
  return {
    spec,
    process,
    clock: source.clock,
    publisher,
    serve: createReplicationServer({ publisher, mutate, time, onError }),
    mutate,
    machine,
    replica: undefined,
    close() {
      publisher.close(stopping(spec.name));
      source.close();
    },
  };
}

export interface ReplicaParts {
  readonly spec: NodeSpec;
  readonly process: SimProcess;
  readonly transport: Transport;
  readonly random: Random;
  readonly tracer: ReplicationTracer;
  /** Called before all other listeners of the clock. */
  readonly onChange: (node: { replica: Replica }, change: "advance" | "reset") => void;
  readonly onError: (error: unknown) => void;
}

export function createReplica(parts: ReplicaParts): SimNode {
  const { spec, process, transport, random, tracer, onChange, onError } = parts;
  const { time } = process;
  const selection = spec.prefixes && createSelection([], spec.prefixes);
  const replica = new Replica({
    name: spec.name,
    addresses: spec.upstreams,
    selection,
    transport,
    time,
    random: random.fraction,
    connectTimeoutMs: spec.connectTimeoutMs,
    syncTimeoutMs: spec.syncTimeoutMs,
    messageTimeoutMs: spec.messageTimeoutMs,
    maxUpstreamAgeMs: spec.maxUpstreamAgeMs,
    preferredRetryMs: spec.preferredRetryMs,
    backoff: { minMs: spec.backoffMaxMs / 20, maxMs: spec.backoffMaxMs },
    tracer,
  });
  replica.clock.onChange(({ type }) => onChange({ replica }, type));
  const publisher = new Publisher(replica.clock, {
    ...publisherOptions(spec),
    ageMs: () => replica.ageMs(),
    upstreamPath: () => replica.path,
    selection,
    time,
    tracer,
  });
  const mutate: Mutate = (request, options) => replica.mutate(request, options);
  replica.start();
  return {
    spec,
    process,
    clock: replica.clock,
    publisher,
    serve: createReplicationServer({ publisher, mutate, time, onError }),
    mutate,
    machine: undefined,
    replica,
    close() {
      publisher.close(stopping(spec.name));
      void replica.close();
    },
  };
}

function publisherOptions({ name, pushIntervalMs, heartbeatIntervalMs, stallTimeoutMs }: NodeSpec) {
  return { name, machineId: MACHINE_ID, pushIntervalMs, heartbeatIntervalMs, stallTimeoutMs };
}

function stopping(name: string): ReplicationError {
  return new ReplicationError("unavailable", `Node "${name}" is stopping`);
}
