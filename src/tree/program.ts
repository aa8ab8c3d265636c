/** What runs in a node besides its own parts: on a root, the machine and what drives it. */

import type { Machine } from "../machine/mod.ts";
import type { TimeSource, VersionedClock } from "../replication/mod.ts";
import type { MetricSet } from "../telemetry/mod.ts";
import type { Logger } from "./log.ts";

/** What a root's program is made with. */
export interface ProgramServices {
  readonly log: Logger;
  readonly time: TimeSource;
  /** The node's metrics. */
  readonly metrics: MetricSet;
  /** For the machine's `onError`: counts the error and logs it. */
  readonly onMachineError: (error: Error) => void;
}

/** What a root runs. Its hooks are called in this order. */
export interface RootProgram<N extends string = string> {
  readonly machine: Machine<N>;
  /** The node listens: starts what drives the machine. `clock` has the machine's versions. */
  start?(clock: VersionedClock): void;
  /** The node stops: ends what drives the machine. May be called again, and without a start. */
  stopWork?(): Promise<void>;
  /** Nothing follows the machine any more: disposes it, if it belongs to the program. */
  close?(): Promise<void>;
}

/** The program of a node in any role. `N` are the state names that it relies on. */
export interface NodeProgram<N extends string = string> {
  /** Makes what the root runs; not called on relays and leaves. Throws `ConfigError` for settings that it cannot use. */
  createRoot?(services: ProgramServices): RootProgram<N>;
  /** Relays and leaves: names for reads and waits of the local machine before the first clock. */
  readonly states?: readonly N[];
  /** Adds metrics of the node's clock, in every role. */
  measure?(metrics: MetricSet, clock: VersionedClock): void;
}
