/** What differs between the root and all other nodes. */

import type { StateName } from "../flights/mod.ts";
import type { Topology } from "../http/mod.ts";
import type { Machine } from "../machine/mod.ts";
import type { ReplicaMachine } from "../replica_machine/mod.ts";
import type { Call, Mutate, TimeSource, Transport, VersionedClock } from "../replication/mod.ts";
import type { NodeTelemetry } from "../telemetry/mod.ts";
import type { NodeConfig } from "./config.ts";
import type { Logger } from "./log.ts";

/** Id of the machine that the whole tree shows. */
export const MACHINE_ID = "flights";

/** The source of a clock, or a replica of it, as the rest of a node sees it. */
export interface Core {
  readonly clock: VersionedClock;
  /** The machine itself; only on the root. */
  readonly machine: Machine | undefined;
  /** The machine on the replica's clock, with local handlers; on relays and leaves. */
  readonly localMachine: ReplicaMachine<StateName> | undefined;
  readonly mutate: Mutate;
  readonly call: Call;
  /** Milliseconds since the last proof that the clock is the root's; 0 on the root. */
  ageMs(): number;
  /** Node names from the root to the node upstream. */
  upstreamPath(): readonly string[];
  /** Null on the root. */
  upstream(): Topology["upstream"];
  start(): void;
  /** Stops what the node does by itself: feed or local handlers. Resolves when what had begun has ended. */
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
export function levelOf(config: NodeConfig, core: Core): number | undefined {
  const level = core.upstreamPath().length;
  return config.role === "root" || level > 0 ? level : undefined;
}
