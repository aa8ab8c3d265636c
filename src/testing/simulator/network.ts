/** The simulated network: which node listens where, the links between nodes, and what is in flight. */

import type { Transport } from "../../replication/mod.ts";
import type { EventQueue } from "./events.ts";
import { Exchange, type ExchangeHost } from "./exchange.ts";
import { Link, type LinkProfile } from "./link.ts";
import type { SimProcess } from "./process.ts";
import { randomByMoment } from "./random.ts";
import type { NoticedBy } from "./scenario.ts";

/** A link without a fault. */
const GOOD: LinkProfile = { delayMs: 1, jitterMs: 1, pieceBytes: 0, windowBytes: 65_536 };

export class SimNetwork {
  readonly #events: EventQueue;
  readonly #seed: number;
  #profileOf: (client: string) => LinkProfile;
  readonly #host: ExchangeHost;
  readonly #links = new Map<string, Link>();
  readonly #open = new Set<Exchange>();

  /** `profileOf` returns how the links of a client deliver bytes; `host` receives all events. */
  constructor(
    events: EventQueue,
    seed: number,
    profileOf: (client: string) => LinkProfile,
    host: Omit<ExchangeHost, "ended">,
  ) {
    this.#events = events;
    this.#seed = seed;
    this.#profileOf = profileOf;
    this.#host = {
      accept: host.accept,
      opened: host.opened,
      taken: host.taken,
      arrived: host.arrived,
      ended: (exchange) => this.#open.delete(exchange),
    };
  }

  get open(): ReadonlySet<Exchange> {
    return this.#open;
  }

  link(client: string, server: string): Link {
    const name = `${client}→${server}`;
    let link = this.#links.get(name);
    if (link === undefined) {
      const random = randomByMoment(this.#seed, name, () => this.#events.nowMs);
      link = new Link(client, server, this.#profileOf(client), random, this.#events);
      this.#links.set(name, link);
    }
    return link;
  }

  /** How a process sends requests: each node's address is its name. */
  transport(process: SimProcess): Transport {
    return async (request) => {
      const link = this.link(process.name, new URL(request.url).host);
      const body = new Uint8Array(await request.arrayBuffer());
      request.signal.throwIfAborted();
      const exchange = new Exchange(link, process, request, body, this.#host);
      if (!exchange.isOver) this.#open.add(exchange);
      return exchange.response;
    };
  }

  /** Breaks the connection of a link. */
  cut(link: Link, noticedBy: NoticedBy, isTorn: boolean): void {
    if (isTorn) link.tearNext("down");
    for (const exchange of this.#on(link)) {
      exchange.void();
      if (noticedBy !== "server") exchange.breakClient();
      if (noticedBy !== "client") exchange.breakServer();
    }
  }

  /** Loses everything in flight on a link, and everything sent until it is healed. */
  blackHole(link: Link): void {
    link.isBlackHole = true;
    for (const exchange of this.#on(link)) exchange.void();
  }

  /** Ends all exchanges of a process that ended. */
  processDied(process: SimProcess, isNoticed: boolean): void {
    for (const exchange of [...this.#open]) {
      if (exchange.client === process) exchange.clientDied(isNoticed);
      else if (exchange.server === process) exchange.serverDied(isNoticed);
    }
  }

  /** Ends all faults: both sides notice lost connections, and from now on everything gets through. */
  heal(): void {
    this.#profileOf = () => GOOD;
    for (const link of this.#links.values()) {
      link.isBlackHole = false;
      link.corruptOneIn = 0;
      link.profile = GOOD;
      link.isHeld = false;
    }
    for (const exchange of [...this.#open]) {
      if (!exchange.isVoid) continue;
      exchange.breakClient();
      exchange.breakServer();
    }
  }

  #on(link: Link): Exchange[] {
    return [...this.#open].filter((exchange) => exchange.link === link);
  }
}
