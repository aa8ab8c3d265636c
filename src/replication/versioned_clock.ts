/**
 * A clock with its version: epoch, seq, and for each state the seq at which its tick last changed.
 * The publisher sends from it, the replica writes to it, HTTP answers from it. A diff from any past
 * seq is read off it without a history, at a cost that follows the states that changed.
 *
 * @module
 */

import type { Schema } from "../machine/mod.ts";

/** What a listener of {@linkcode VersionedClock.onChange} is told. */
export type ClockChange =
  /** Some ticks moved and seq grew. `indexes` is valid during the call only. */
  | { readonly type: "advance"; readonly seq: number; readonly indexes: Uint32Array }
  /** A new epoch, schema or snapshot: everything may be different. */
  | { readonly type: "reset" };

/** Mixes one state's index and tick into 32 bits; the clock's checksum is the sum of these, modulo 2^32. */
export function mixTick(index: number, tick: number): number {
  const high = Math.floor(tick / 0x1_0000_0000);
  let hash = Math.imul(index + 1, 0x9e37_79b1) ^ Math.imul(tick | 0, 0x85eb_ca6b) ^ high;
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0_aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a_2d97);
  return (hash ^ (hash >>> 15)) >>> 0;
}
