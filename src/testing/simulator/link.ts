/** One link of the simulated network: a client and a server, packets both ways, each way in order. */

import type { EventQueue } from "./events.ts";
import type { Random } from "./random.ts";

/** How a link carries bytes while nothing is wrong with it. */
export interface LinkProfile {
  /** A packet takes this long, in milliseconds, and up to `jitterMs` more. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Pieces of a stream are of 1 to this many bytes; 0 leaves them as they were written. */
  readonly pieceBytes: number;
  /** How many bytes of a stream may be under way before its sender must wait. */
  readonly windowBytes: number;
}

export type Direction = "up" | "down";

export interface Packet {
  /** Whether its stream is lost, and the packet with it. */
  readonly isVoid: () => boolean;
  readonly arrive: () => void;
  /** Delivers what a link that breaks lets through of it, if it can be torn. */
  readonly tear?: () => void;
}

interface Queued extends Packet {
  readonly dueMs: number;
}

export class Link {
  readonly client: string;
  readonly server: string;
  profile: LinkProfile;
  /** Everything sent is gone, and nobody is told. */
  isBlackHole = false;
  /** One in so many pieces has a bit flipped; 0 none. */
  corruptOneIn = 0;
  readonly random: Random;
  readonly #events: EventQueue;
  #isHeld = false;
  readonly #queues: Record<Direction, Queued[]> = { up: [], down: [] };
  readonly #isScheduled: Record<Direction, boolean> = { up: false, down: false };

  constructor(
    client: string,
    server: string,
    profile: LinkProfile,
    random: Random,
    events: EventQueue,
  ) {
    this.client = client;
    this.server = server;
    this.profile = profile;
    this.random = random;
    this.#events = events;
  }

  get name(): string {
    return `${this.client}→${this.server}`;
  }

  /** Whether packets wait in it, neither lost nor delivered. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    if (isHeld) return;
    this.#schedule("up");
    this.#schedule("down");
  }

  /** Sends a packet after those sent before it in the same direction. False if it vanishes. */
  send(direction: Direction, packet: Packet): boolean {
    if (this.isBlackHole) return false;
    const queue = this.#queues[direction];
    const { delayMs, jitterMs } = this.profile;
    const dueMs = this.#events.nowMs + delayMs + this.random.fraction() * jitterMs;
    queue.push({ ...packet, dueMs: Math.max(dueMs, queue.at(-1)?.dueMs ?? 0) });
    this.#schedule(direction);
    return true;
  }

  /** Lets a part of the packet next in `direction` through, as a link that breaks at this moment does. */
  tearNext(direction: Direction): void {
    this.#queues[direction].find((packet) => !packet.isVoid() && packet.tear)?.tear?.();
  }

  #schedule(direction: Direction): void {
    const next = this.#queues[direction][0];
    if (next === undefined || this.#isScheduled[direction] || this.#isHeld) return;
    this.#isScheduled[direction] = true;
    this.#events.at(next.dueMs, () => {
      this.#isScheduled[direction] = false;
      if (this.#isHeld) return;
      const packet = this.#queues[direction].shift()!;
      this.#schedule(direction);
      if (!packet.isVoid()) packet.arrive();
    });
  }
}
