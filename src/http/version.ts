/** Versions, `<epoch>-<seq>` with the epoch in lower-case hex: in URLs, as entity tags, and waits for them. */

import type { NodeApi } from "./node_api.ts";
import { type WaitResult, waitForClock } from "./waits.ts";

export interface Version {
  /** Lower-case hex digits. */
  readonly epoch: string;
  /** 0 to 2^53 - 1. */
  readonly seq: number;
}

const VERSION_PATTERN = /^([0-9a-f]{1,16})-(0|[1-9]\d{0,15})$/;

/** Reads a version; undefined if `text` is not one. */
export function parseVersion(text: string): Version | undefined {
  const match = VERSION_PATTERN.exec(text);
  if (match === null) return undefined;
  const seq = Number(match[2]);
  return Number.isSafeInteger(seq) ? { epoch: match[1]!, seq } : undefined;
}

/**
 * Whether the node's clock is at `version` or later in the same epoch; false in another epoch, as
 * versions of two epochs have no order. Without a version: whether the node has a clock.
 */
export function hasReached({ clock }: NodeApi, version: Version | undefined): boolean {
  if (version === undefined) return clock.epoch !== "";
  return clock.epoch === version.epoch && clock.seq >= version.seq;
}

/**
 * Waits until {@linkcode hasReached}, for at most `waitMs` milliseconds. The version may be of an
 * epoch that this node does not know yet (the root has restarted, and the writer knows already), so
 * a wait for another epoch is not an error. A wait for a past epoch ends in "timeout".
 */
export function waitForVersion(
  node: NodeApi,
  version: Version | undefined,
  waitMs: number,
  signal: AbortSignal,
): Promise<WaitResult> {
  return waitForClock(node, () => hasReached(node, version), waitMs, signal);
}

/** Entity tags and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1.2). */

const ETAG_CHARS = "[\\x21\\x23-\\x7e\\x80-\\xff]*";
const TAG_PATTERN = new RegExp(`(?:W/)?"(${ETAG_CHARS})"`, "y");
const SEPARATOR_PATTERN = /[ \t]*(?:,[ \t]*)*/y;

/** The strong entity tag of a version. */
export function toEntityTag(version: string): string {
  return `"${version}"`;
}

/**
 * Whether `If-None-Match` names `version`, so that the response is 304. Compares weakly, as the RFC
 * requires; `*` matches any version. A header that is absent or not a list of entity tags matches
 * nothing: a full response is always correct.
 */
export function matchesIfNoneMatch(header: string | null | undefined, version: string): boolean {
  if (header == null) return false;
  const text = header.trim();
  if (text === "*") return true;
  let isMatch = false;
  let position = skip(text, 0);
  while (position < text.length) {
    TAG_PATTERN.lastIndex = position;
    const tag = TAG_PATTERN.exec(text);
    if (tag === null) return false;
    isMatch ||= tag[1] === version;
    const next = skip(text, TAG_PATTERN.lastIndex);
    if (next < text.length && !text.slice(TAG_PATTERN.lastIndex, next).includes(",")) return false;
    position = next;
  }
  return isMatch;
}

/** The position after spaces and commas; empty list elements are allowed. */
function skip(text: string, position: number): number {
  SEPARATOR_PATTERN.lastIndex = position;
  SEPARATOR_PATTERN.test(text);
  return SEPARATOR_PATTERN.lastIndex;
}
