/** What publishers hold for their downstreams: a message each at most, however slow they are. */

import type { Publisher } from "../../replication/mod.ts";
import type { Exchange } from "./exchange.ts";
import type { SimProcess } from "./process.ts";

interface Stream {
  readonly downstream: { readonly bytesSent: number };
  /** Bytes that the system has taken from the publisher. */
  taken: number;
}

export class Streams {
  readonly #streams = new Map<Exchange, Stream>();
  readonly #known = new WeakSet<object>();
  /** Longest message that each publisher has sent. */
  readonly #longest = new Map<SimProcess, number>();

  /** A stream has begun just now: its downstream is the one that was not there before. */
  opened(exchange: Exchange, publisher: Publisher): void {
    for (const downstream of publisher.downstreams) {
      if (this.#known.has(downstream)) continue;
      this.#known.add(downstream);
      this.#streams.set(exchange, { downstream, taken: 0 });
    }
  }

  pushed(process: SimProcess, bytes: number): void {
    this.#longest.set(process, Math.max(bytes, this.#longest.get(process) ?? 0));
  }

  taken(exchange: Exchange, bytes: number): void {
    const stream = this.#streams.get(exchange);
    if (stream !== undefined) stream.taken += bytes;
  }

  /** What is wrong, if anything is. */
  check(): string | undefined {
    for (const [exchange, { downstream, taken }] of this.#streams) {
      const server = exchange.server!;
      if (exchange.isOver || !server.isAlive) this.#streams.delete(exchange);
      else if (downstream.bytesSent - taken > this.#longest.get(server)!)
        return `${server.name} holds ${downstream.bytesSent - taken} bytes for one downstream`;
    }
    return undefined;
  }
}
