/** What a node tells all its downstreams alike: who it is, by which way it hears of the root, and what its clocks show. */

import type { TimeSource } from "../clock/time_source.ts";
import type { ProbeResponse } from "../wire/messages.ts";

export interface SenderOptions {
  /** Name of this node, the last of the path. */
  readonly name: string;
  readonly machineId: string;
  readonly heartbeatIntervalMs: number;
  /** Node names from the root to this one's upstream. */
  readonly upstreamPath: () => readonly string[];
  /** How long ago this node last had proof of being up to date with the root, in milliseconds. */
  readonly ageMs: () => number;
  readonly time: TimeSource;
}

export class Sender {
  readonly machineId: string;
  readonly heartbeatIntervalMs: number;
  /** All streams count wall time from here, so that they can share their messages. */
  readonly wallBaseMs: number;
  /** Whether downstreams are to follow another node. */
  isDraining = false;
  readonly #options: SenderOptions;
  readonly #steadyBaseMs: number;
  #path: readonly string[] = [];
  #pathNumber = 0;

  constructor(options: SenderOptions) {
    const { machineId, heartbeatIntervalMs, time } = options;
    this.#options = options;
    this.machineId = machineId;
    this.heartbeatIntervalMs = heartbeatIntervalMs;
    this.wallBaseMs = time.now();
    // A millisecond early: parts of milliseconds never let a message seem to be made before its change.
    this.#steadyBaseMs = time.monotonic() - 1;
  }

  /** Node names from the root to this one, as of the last {@linkcode updatePath}. */
  get path(): readonly string[] {
    return this.#path;
  }

  /** How often the path has changed. */
  get pathNumber(): number {
    return this.#pathNumber;
  }

  /** Whole milliseconds on this node's steady clock, never more than it is. */
  sentMs(): number {
    return Math.floor(this.#options.time.monotonic() - this.#steadyBaseMs);
  }

  /** Whole milliseconds, never less than it is. */
  ageMs(): number {
    return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(this.#options.ageMs()));
  }

  /** The answer to a probe of the clock that stamps its messages. */
  probe(): ProbeResponse {
    return { sentMs: this.sentMs(), wallTimeMs: this.wallBaseMs };
  }

  /** Looks which way leads to the root. Returns whether it is another than before. */
  updatePath(): boolean {
    const path = [...this.#options.upstreamPath(), this.#options.name];
    if (path.length === this.#path.length && path.every((name, i) => name === this.#path[i]))
      return false;
    this.#path = path;
    this.#pathNumber++;
    return true;
  }
}
