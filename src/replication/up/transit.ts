/**
 * An upper bound on how long the messages of a stream were in transit. It does not need clocks that agree:
 * the sender stamps its messages with its own steady clock, and a request with its response bounds the
 * offset between the two clocks.
 */

/** How fast two steady clocks can drift apart: each crystal is accurate to 50 millionths, without NTP. */
const DRIFT = 100e-6;
/** A bound that drift has made looser than this, in milliseconds, needs a new probe. */
const LOOSE_MS = 3;

export class Transit {
  /** At {@linkcode #boundAtMs}, our clock was at least this far ahead of the sender's. */
  #aheadMs = Number.NEGATIVE_INFINITY;
  #boundAtMs = 0;
  /** How much further ahead our clock can have been at that time. */
  #slackMs = Number.POSITIVE_INFINITY;

  /**
   * Takes a round trip: a request left at `requestedAtMs` of our clock, and its response arrived at
   * `respondedAtMs`. The sender stamped the response after the request, at `sentMs` of its clock or earlier.
   */
  bound(requestedAtMs: number, sentMs: number, respondedAtMs: number): void {
    const aheadMs = requestedAtMs - sentMs;
    if (aheadMs < this.#aheadAt(respondedAtMs)) return;
    this.#aheadMs = aheadMs;
    this.#boundAtMs = respondedAtMs;
    this.#slackMs = respondedAtMs - requestedAtMs;
  }

  /** Longest time in transit of a message stamped `sentMs` that arrived at `nowMs`; Infinity without a bound. */
  measure(sentMs: number, nowMs: number): number {
    return Math.max(0, nowMs - sentMs - this.#aheadAt(nowMs));
  }

  /** Whether another probe would make {@linkcode measure} much more precise. */
  isLoose(nowMs: number): boolean {
    return this.#slackMs + DRIFT * (nowMs - this.#boundAtMs) > LOOSE_MS;
  }

  #aheadAt(nowMs: number): number {
    return this.#aheadMs - DRIFT * (nowMs - this.#boundAtMs);
  }
}
