/** How a node stops: in an order in which nobody loses anything that can be waited for. */

import { type Publisher, ReplicationError, sleep, type TimeSource } from "../replication/mod.ts";
import type { NodeConfig } from "./config.ts";
import type { Core } from "./core.ts";
import type { NodeListeners } from "./listen.ts";
import type { Logger } from "./log.ts";

/** How long the last waiting clients have to receive their responses after the drain time, in milliseconds. */
const LAST_RESPONSES_MS = 200;

export interface StopParts {
  readonly config: NodeConfig;
  readonly core: Pick<Core, "stopWork" | "close">;
  readonly publisher: Publisher;
  readonly listeners: NodeListeners;
  /** Mutations that run. */
  readonly inFlight: InFlight;
  /** Aborted first: event streams end, so that their readers go elsewhere. */
  readonly draining: AbortController;
  /** Aborted at the end of the drain time: requests that still wait get a response. */
  readonly stopping: AbortController;
  readonly log: Logger;
  readonly time: TimeSource;
}

/**
 * Takes no new HTTP connections, sends downstreams elsewhere, and finishes what is running, local handlers
 * included: all within `drainMs`. Then ends what is left.
 */
export async function stopNode(parts: StopParts): Promise<void> {
  const { config, core, publisher, listeners, inFlight, draining, stopping, log, time } = parts;
  const { name, drainMs } = config;
  log.info("node stops", { name, downstreams: publisher.downstreams.size });
  draining.abort();
  const httpClosed = listeners.http.close(drainMs + LAST_RESPONSES_MS);
  const drained = Promise.all([
    httpClosed,
    core.stopWork(),
    publisher.drain().then(() => inFlight.idle()),
  ]);
  const over = new AbortController();
  await Promise.race([drained, sleep(time, drainMs, over.signal)]);
  over.abort();
  stopping.abort();
  await httpClosed;
  publisher.close(new ReplicationError("unavailable", `Node "${name}" is stopping`));
  await core.close();
  await listeners.replication.close();
  log.info("node stopped", { name });
}

/** Counts running work, so that a node can wait for its end. */
export class InFlight {
  #count = 0;
  #idle = Promise.withResolvers<void>();

  constructor() {
    this.#idle.resolve();
  }

  /** Runs `work` and counts it until it settles. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#count++ === 0) this.#idle = Promise.withResolvers();
    try {
      return await work();
    } finally {
      if (--this.#count === 0) this.#idle.resolve();
    }
  }

  /** Resolves as soon as no work is running. */
  async idle(): Promise<void> {
    while (this.#count > 0) await this.#idle.promise;
  }
}
