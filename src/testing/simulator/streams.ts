/** Checks what publishers hold for slow downstreams: at most one message each, and only until they are stalled for too long. */

import type { Downstream, Publisher } from "../../replication/mod.ts";
import type { EventQueue } from "./events.ts";
import type { Exchange } from "./exchange.ts";
import type { SimProcess } from "./process.ts";

interface Stream {
  readonly publisher: Publisher;
  readonly downstream: Downstream;
  /** How long it may take no bytes, the intervals of its publisher included. */
  readonly stallLimitMs: number;
  /** Bytes that the system has taken from the publisher, and the time of the last ones. */
  taken: number;
  takenAtMs: number;
}

export class Streams {
  readonly #events: EventQueue;
  readonly #streams = new Map<Exchange, Stream>();
  readonly #known = new WeakSet<object>();
  /** Length of the longest message of each publisher. */
  readonly #longest = new Map<SimProcess, number>();

  constructor(events: EventQueue) {
    this.#events = events;
  }

  /** A stream has just begun: its downstream is the one that is new. */
  opened(exchange: Exchange, publisher: Publisher, stallLimitMs: number): void {
    for (const downstream of publisher.downstreams) {
      if (this.#known.has(downstream)) continue;
      this.#known.add(downstream);
      const takenAtMs = this.#events.nowMs;
      this.#streams.set(exchange, {
        publisher,
        downstream,
        stallLimitMs,
        taken: 0,
        takenAtMs,
      });
    }
  }

  pushed(process: SimProcess, bytes: number): void {
    this.#longest.set(process, Math.max(bytes, this.#longest.get(process) ?? 0));
  }

  taken(exchange: Exchange, bytes: number): void {
    const stream = this.#streams.get(exchange);
    if (stream === undefined) return;
    stream.taken += bytes;
    stream.takenAtMs = this.#events.nowMs;
  }

  /** The first problem, if there is one. */
  check(): string | undefined {
    for (const [exchange, stream] of this.#streams) {
      const server = exchange.server!;
      const { publisher, downstream } = stream;
      if (!server.isAlive || !publisher.downstreams.has(downstream)) {
        this.#streams.delete(exchange);
        continue;
      }
      const wrong = this.#checkStream(server, stream);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  }

  #checkStream(server: SimProcess, stream: Stream): string | undefined {
    const { downstream, stallLimitMs, taken, takenAtMs } = stream;
    const held = downstream.bytesSent - taken;
    if (held > this.#longest.get(server)!)
      return `${server.name} holds ${held} bytes for one downstream`;
    if (!downstream.isStalled || server.isPaused || server.isCatchingUp) return undefined;
    const stalledMs = this.#events.nowMs - Math.max(takenAtMs, server.resumedAtMs);
    return stalledMs > stallLimitMs
      ? `${server.name} keeps a downstream that has taken nothing for ${stalledMs.toFixed(1)} ms`
      : undefined;
  }
}
