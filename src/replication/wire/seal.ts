/**
 * Seals: they extend a message's checksum from the ticks to every field that a replica acts on, so that it
 * detects a wrong bit in any of them. SPEC.md, "Seal".
 */

import type { Selection } from "../clock/selection.ts";
import type { ClockMessage, ProbeResponse, Start } from "./messages.ts";

/** The fields that {@linkcode sealMessage} covers. */
export type SealedFields = Pick<
  ClockMessage,
  "seq" | "wallDeltaMs" | "sentMs" | "ageMs" | "isDraining"
>;

const SEED = 0x811c_9dc5;
const ENCODER = new TextEncoder();

/** A message's checksum: that of the whole clock at its seq plus the seal of the message's fields, modulo 2^32. */
export function sealMessage(clockChecksum: number, epoch: string, message: SealedFields): number {
  let hash = mixHex(SEED, epoch);
  hash = mixNumber(hash, message.seq);
  hash = mixNumber(hash, message.wallDeltaMs);
  hash = mixNumber(hash, message.sentMs);
  hash = mixNumber(hash, message.ageMs);
  hash = mixWord(hash, message.isDraining ? 1 : 0);
  return (clockChecksum + hash) >>> 0;
}

/**
 * A start's checksum. It covers the start's fields, the schema that holds from there on, sent or not, and the
 * requested selection: a damaged prefix would select other states.
 */
export function sealStart(
  start: Omit<Start, "checksum" | "schema">,
  schemaHash: string,
  selection?: Selection,
): number {
  let hash = mixHex(SEED, start.epoch);
  hash = mixNumber(hash, start.wallTimeMs);
  hash = mixNumber(hash, start.heartbeatIntervalMs);
  hash = mixWord(hash, start.ticks === undefined ? 0 : 1);
  hash = mixHex(hash, schemaHash);
  hash = mixTexts(hash, [start.machineId, ...start.path]);
  if (selection !== undefined) {
    const { names, prefixes } = selection;
    hash = mixTexts(mixWord(hash, names.length), names);
    hash = mixTexts(mixWord(hash, prefixes.length), prefixes);
  }
  return hash >>> 0;
}

/** The checksum of the response to a probe. */
export function sealProbe({ sentMs, wallTimeMs }: ProbeResponse): number {
  return mixNumber(mixNumber(SEED, sentMs), wallTimeMs) >>> 0;
}

/** Each step is invertible: words that differ never mix to the same hash. */
function mixWord(hash: number, word: number): number {
  const mixed = Math.imul(hash ^ word, 0x21f0_aaad);
  return mixed ^ (mixed >>> 15);
}

/** An integer, as two words. */
function mixNumber(hash: number, value: number): number {
  return mixWord(mixWord(hash, value | 0), Math.floor(value / 0x1_0000_0000));
}

/** Each eight hex digits are one word. */
function mixHex(hash: number, hex: string): number {
  let mixed = hash;
  for (let at = 0; at < hex.length; at += 8)
    mixed = mixWord(mixed, Number.parseInt(hex.slice(at, at + 8), 16));
  return mixed;
}

function mixTexts(hash: number, texts: readonly string[]): number {
  return texts.reduce((mixed, text) => mixBytes(mixed, ENCODER.encode(text)), hash);
}

/** The length, then each byte. */
function mixBytes(hash: number, bytes: Uint8Array): number {
  let mixed = mixWord(hash, bytes.length);
  for (const byte of bytes) mixed = mixWord(mixed, byte);
  return mixed;
}
