/** What differs between the root and all other nodes. */

import type { Topology } from "../http/mod.ts";
import type { Machine } from "../machine/mod.ts";
import type { ReplicaMachine } from "../replica_machine/mod.ts";
import type { Call, Mutate, TimeSource, Transport, VersionedClock } from "../replication/mod.ts";
import type { NodeTelemetry } from "../telemetry/mod.ts";
import type { NodeConfig } from "./config.ts";
import type { Logger } from "./log.ts";

/** The source of a clock, or a replica of it, as the rest of a node sees it. */
export interface Core<N extends string = string> {
  /** Id of the machine at the root; empty on a relay or leaf before its first clock. */
  readonly machineId: string;
  readonly clock: VersionedClock;
  /** The machine itself; only on the root. */
  readonly machine: Machine<N> | undefined;
  /** The machine on the replica's clock, with local handlers; on relays and leaves. */
  readonly localMachine: ReplicaMachine<N> | undefined;
  readonly mutate: Mutate;
  readonly call: Call;
  /** Milliseconds since the last proof that the clock is the root's; on the root 0 while its machine lives. */
  ageMs(): number;
  /** Node names from the root to the node upstream. */
  upstreamPath(): readonly string[];
  /** Null on the root. */
  upstream(): Topology["upstream"];
  start(): void;
  /** Stops what the node does by itself: what drives the machine, or local handlers. Resolves when what had begun has ended. */
  stopWork(): Promise<void>;
  close(): Promise<void>;
}

/** What a core is made with. */
export interface CoreServices {
  /** To the nodes upstream. */
  readonly transport: Transport;
  readonly log: Logger;
  readonly time: TimeSource;
  readonly telemetry: NodeTelemetry;
  /** Receives what a listener of the node's clock throws. */
  readonly onListenerError: (error: Error) => void;
}

/** Hops from the root; undefined until the path to it is known. */
export function levelOf(config: NodeConfig, core: Pick<Core, "upstreamPath">): number | undefined {
  const level = core.upstreamPath().length;
  return config.role === "root" || level > 0 ? level : undefined;
}
