/** What differs between a root and all other nodes. */

import type { StateName } from "../flights/mod.ts";
import type { Topology } from "../http/mod.ts";
import type { Machine } from "../machine/mod.ts";
import type { ReplicaMachine } from "../replica_machine/mod.ts";
import type { Mutate, TimeSource, Transport, VersionedClock } from "../replication/mod.ts";
import type { NodeTelemetry } from "../telemetry/mod.ts";
import type { Logger } from "./log.ts";

/** Id of the machine that the whole tree shows. */
export const MACHINE_ID = "flights";

/** A source, or a replica, as a node sees it. */
export interface Core {
  readonly clock: VersionedClock;
  readonly machine: Machine | undefined;
  readonly replica: ReplicaMachine<StateName> | undefined;
  readonly mutate: Mutate;
  ageMs(): number;
  /** Node names from the root to the node upstream. */
  upstreamPath(): readonly string[];
  upstream(): Topology["upstream"];
  start(): void;
  /** The node is about to stop: nothing new is to begin by itself. Resolves when what had begun has ended. */
  quiesce(): Promise<void>;
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
