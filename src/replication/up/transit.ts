/**
 * How long the messages of a stream have been on their way, at most. No clocks need to agree for that:
 * the sender stamps what it sends with its own steady clock, and a question with its answer bounds how
 * far the two clocks are apart.
 */

/** By how much two steady clocks can part: crystals are good to 50 millionths each, without NTP's help. */
const DRIFT = 100e-6;
/** A bound is looked for again when it has become looser than this by drift, in milliseconds. */
const LOOSE_MS = 3;

export class Transit {
  /** At {@linkcode #boundAtMs}, our clock was ahead of the sender's by this at least. */
  #aheadMs = Number.NEGATIVE_INFINITY;
  #boundAtMs = 0;
  /** How much further ahead our clock can have been when the bound was made. */
  #slackMs = Number.POSITIVE_INFINITY;

  /**
   * Takes in that something was asked for at `askedAtMs` of our clock, and that the answer, which came at
   * `answeredAtMs`, was stamped by the sender: at `sentMs` of its clock or earlier, but after the question.
   */
  bound(askedAtMs: number, sentMs: number, answeredAtMs: number): void {
    const aheadMs = askedAtMs - sentMs;
    if (aheadMs < this.#aheadAt(answeredAtMs)) return;
    this.#aheadMs = aheadMs;
    this.#boundAtMs = answeredAtMs;
    this.#slackMs = answeredAtMs - askedAtMs;
  }

  /** Longest that what was stamped `sentMs` and came at `nowMs` can have been on its way; Infinity without a bound. */
  measure(sentMs: number, nowMs: number): number {
    return Math.max(0, nowMs - sentMs - this.#aheadAt(nowMs));
  }

  /** Whether another question would make {@linkcode measure} much sharper. */
  isLoose(nowMs: number): boolean {
    return this.#slackMs + DRIFT * (nowMs - this.#boundAtMs) > LOOSE_MS;
  }

  #aheadAt(nowMs: number): number {
    return this.#aheadMs - DRIFT * (nowMs - this.#boundAtMs);
  }
}
