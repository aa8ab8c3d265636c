/** What a node sends to all its downstreams: its path from the root, its stamps, its age, whether it drains. */

import type { TimeSource } from "../clock/time_source.ts";
import type { ProbeResponse } from "../wire/messages.ts";

export interface SenderInfoOptions {
  /** Name of this node, the last of the path. */
  readonly name: string;
  /** A function where the id comes from upstream. Read for each new stream. */
  readonly machineId: string | (() => string);
  readonly heartbeatIntervalMs: number;
  /** Node names from the root to this one's upstream. */
  readonly upstreamPath: () => readonly string[];
  /** Milliseconds since this node last had proof that it was up to date with the root. */
  readonly ageMs: () => number;
  readonly time: TimeSource;
}

export class SenderInfo {
  readonly heartbeatIntervalMs: number;
  /** All streams count wall time from here, so that they can share their messages. */
  readonly wallBaseMs: number;
  /** Whether downstreams should follow another node. */
  isDraining = false;
  readonly #options: SenderInfoOptions;
  readonly #steadyBaseMs: number;
  #path: readonly string[] = [];
  #pathNumber = 0;

  constructor(options: SenderInfoOptions) {
    const { heartbeatIntervalMs, time } = options;
    this.#options = options;
    this.heartbeatIntervalMs = heartbeatIntervalMs;
    this.wallBaseMs = time.now();
    // A millisecond early, so that rounding never makes a message seem older than its change.
    this.#steadyBaseMs = time.monotonic() - 1;
  }

  get machineId(): string {
    const { machineId } = this.#options;
    return typeof machineId === "string" ? machineId : machineId();
  }

  /** Node names from the root to this one, as of the last {@linkcode updatePath}. */
  get path(): readonly string[] {
    return this.#path;
  }

  /** How often the path has changed. */
  get pathNumber(): number {
    return this.#pathNumber;
  }

  /** Time on this node's steady clock, in milliseconds, rounded down. */
  sentMs(): number {
    return Math.floor(this.#options.time.monotonic() - this.#steadyBaseMs);
  }

  /** Age of this node's clock, in milliseconds, rounded up. */
  ageMs(): number {
    return Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(this.#options.ageMs()));
  }

  /** The response to a probe of the clock that stamps the messages. */
  probe(): ProbeResponse {
    return { sentMs: this.sentMs(), wallTimeMs: this.wallBaseMs };
  }

  /** Reads the path from the root. Returns whether it has changed. */
  updatePath(): boolean {
    const path = [...this.#options.upstreamPath(), this.#options.name];
    if (path.length === this.#path.length && path.every((name, i) => name === this.#path[i]))
      return false;
    this.#path = path;
    this.#pathNumber++;
    return true;
  }
}
