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
