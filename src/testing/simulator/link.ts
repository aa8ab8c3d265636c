/** One link of the simulated network between a client and a server: packets in both directions, in order within each. */

import type { EventQueue } from "./events.ts";
import type { Random } from "./random.ts";

/** How a link without a fault delivers bytes. */
export interface LinkProfile {
  /** Delay of a packet in milliseconds; up to `jitterMs` are added. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Streams are cut into pieces of 1 to this many bytes; 0 keeps the pieces as written. */
  readonly pieceBytes: number;
  /** Bytes of a stream that may be in flight before its sender must wait. */
  readonly windowBytes: number;
}

export type Direction = "up" | "down";

export interface Packet {
  /** Whether its stream is lost, and so the packet. */
  readonly isVoid: () => boolean;
  readonly arrive: () => void;
  /** Delivers the part that gets through when the link breaks, if the packet can be torn. */
  readonly tear?: () => void;
}

interface Queued extends Packet {
  readonly dueMs: number;
}

export class Link {
  readonly client: string;
  readonly server: string;
  profile: LinkProfile;
  /** Everything sent is lost, and neither side notices. */
  isBlackHole = false;
  /** A bit is flipped in one of this many pieces; 0 for none. */
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

  /** Whether packets are in flight, neither lost nor delivered. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  set isHeld(isHeld: boolean) {
    this.#isHeld = isHeld;
    if (isHeld) return;
    this.#schedule("up");
    this.#schedule("down");
  }

  /** Sends a packet after the earlier ones in the same direction. Returns false if it is lost. */
  send(direction: Direction, packet: Packet): boolean {
    if (this.isBlackHole) return false;
    const queue = this.#queues[direction];
    const { delayMs, jitterMs } = this.profile;
    const dueMs = this.#events.nowMs + delayMs + this.random.fraction() * jitterMs;
    queue.push({ ...packet, dueMs: Math.max(dueMs, queue.at(-1)?.dueMs ?? 0) });
    this.#schedule(direction);
    return true;
  }

  /** Delivers a part of the next packet in `direction`, as a link does that breaks at this moment. */
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
