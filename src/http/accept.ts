/** Content negotiation by media type: the `Accept` header of RFC 9110, section 12.5.1. */

import { parseAccept } from "hono/utils/accept";

/** "type/subtype"; of the subtypes of "*", only "*". */
const TYPE_PATTERN = /^(?!\*\/(?!\*$))[!#$%&'*+.^`|~\w-]+\/[!#$%&'*+.^`|~\w-]+$/;
const QUALITY_PATTERN = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;
/** The only parameter that a range may have before `q`: all representations here are UTF-8. */
const CHARSET = ";charset=utf-8";

/**
 * Chooses the media type for an `Accept` header out of `available` ("type/subtype", lower case, the
 * preferred first), or undefined if none is acceptable. For each type the most specific range that
 * matches it decides; ties go to the earlier type. Ranges that are not well-formed are ignored; a
 * header that is absent or has no well-formed range accepts everything. A range with parameters
 * (before `q`) does not match, except for `charset=utf-8`.
 */
export function negotiateMediaType<T extends string>(
  accept: string | null | undefined,
  available: readonly T[],
): T | undefined {
  if (accept == null || accept === "*/*") return available[0];
  const qualities = readQualities(accept);
  if (qualities === undefined) return available[0];
  let best: T | undefined;
  let bestQuality = 0;
  for (const type of available) {
    const family = `${type.slice(0, type.indexOf("/"))}/*`;
    const ranges = [type + CHARSET, type, family, "*/*"];
    const decisive = ranges.find((range) => qualities.has(range)) ?? "";
    const quality = qualities.get(decisive) ?? 0;
    if (quality > bestQuality) {
      best = type;
      bestQuality = quality;
    }
  }
  return best;
}

/** The quality (0 to 1, 0 is not acceptable) of each range that can match. Undefined without a well-formed range. */
function readQualities(header: string): Map<string, number> | undefined {
  const qualities = new Map<string, number>();
  let isWellFormed = false;
  // Hono's parser takes time linear in the header's length, as the patterns here have to.
  for (const { type, params, q } of parseAccept(header)) {
    const weight = params.q ?? params.Q ?? "1";
    if (!TYPE_PATTERN.test(type) || !QUALITY_PATTERN.test(weight)) continue;
    isWellFormed = true;
    // Parameters after the weight are extensions and do not narrow the range.
    const names = Object.keys(params);
    const end = names.findIndex((name) => name.toLowerCase() === "q");
    const narrowing = end < 0 ? names : names.slice(0, end);
    const isCharset = (name: string) => `;${name}=${params[name]}`.toLowerCase() === CHARSET;
    if (!narrowing.every(isCharset)) continue;
    const range = type.toLowerCase() + (narrowing.length > 0 && !type.endsWith("*") ? CHARSET : "");
    // Hono sorts by quality, the highest first, and that one counts: repeating a range is no refusal.
    if (!qualities.has(range)) qualities.set(range, q);
  }
  return isWellFormed ? qualities : undefined;
}
