/** Content negotiation by media type: the `Accept` header of RFC 9110, section 12.5.1. */

/** One media range of an `Accept` header. Names are lower case; `params` are those before `q`. */
interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  readonly params: ReadonlyMap<string, string>;
  /** 0 to 1; 0 means not acceptable. */
  readonly quality: number;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAM = `[ \\t]*;[ \\t]*(?:(${TOKEN})=(${TOKEN}|"(?:[^"\\\\]|\\\\.)*"))?`;
const RANGE_PATTERN = new RegExp(`^[ \\t]*(${TOKEN})/(${TOKEN})((?:${PARAM})*)[ \\t]*$`);
const PARAM_PATTERN = new RegExp(PARAM, "g");
const ELEMENT_PATTERN = /(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g;
const QUALITY_PATTERN = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * Chooses the media type for an `Accept` header out of `available` ("type/subtype", lower case, the
 * preferred first), or undefined if none is acceptable. For each one the most specific range that
 * matches it decides; ties go to the earlier one. Elements that are not well-formed are passed over;
 * a header that is absent, or has no other elements, accepts everything. Parameters of a range
 * (before `q`) never match, except `charset=utf-8`, which all representations here have.
 */
export function negotiateMediaType<T extends string>(
  accept: string | null | undefined,
  available: readonly T[],
): T | undefined {
  if (accept == null || accept === "*/*") return available[0];
  const ranges = parseAccept(accept);
  if (ranges.length === 0) return available[0];
  let best: T | undefined;
  let bestQuality = 0;
  for (const mediaType of available) {
    const quality = qualityOf(mediaType, ranges);
    if (quality > bestQuality) {
      best = mediaType;
      bestQuality = quality;
    }
  }
  return best;
}

function parseAccept(header: string): MediaRange[] {
  const ranges: MediaRange[] = [];
  for (const [element] of header.matchAll(ELEMENT_PATTERN)) {
    const match = RANGE_PATTERN.exec(element);
    if (match === null) continue;
    const type = match[1]!.toLowerCase();
    const subtype = match[2]!.toLowerCase();
    if (type === "*" && subtype !== "*") continue;
    const params = new Map<string, string>();
    let quality: number | undefined = 1;
    for (const [, name, value] of match[3]!.matchAll(PARAM_PATTERN)) {
      if (name === undefined) continue;
      if (name.toLowerCase() === "q") {
        quality = QUALITY_PATTERN.test(value!) ? Number(value) : undefined;
        // What follows the weight are extensions, which no one defined; they do not narrow the range.
        break;
      }
      params.set(name.toLowerCase(), unquote(value!).toLowerCase());
    }
    if (quality !== undefined) ranges.push({ type, subtype, params, quality });
  }
  return ranges;
}

function qualityOf(mediaType: string, ranges: readonly MediaRange[]): number {
  const [type, subtype] = mediaType.split("/");
  let bestSpecificity = -1;
  let quality = 0;
  for (const range of ranges) {
    const specificity = specificityOf(range, type!, subtype!);
    // Of two equally specific ranges the more willing one counts: repeating a type is no refusal.
    if (
      specificity > bestSpecificity ||
      (specificity === bestSpecificity && range.quality > quality)
    ) {
      bestSpecificity = specificity;
      quality = range.quality;
    }
  }
  return bestSpecificity < 0 ? 0 : quality;
}

/** 0 for `*`, 1 for `type/*`, 2 for `type/subtype`, 3 with a parameter; -1 if the range does not match. */
function specificityOf(range: MediaRange, type: string, subtype: string): number {
  if (range.type !== "*" && range.type !== type) return -1;
  if (range.subtype !== "*" && range.subtype !== subtype) return -1;
  for (const [name, value] of range.params) {
    if (name !== "charset" || value !== "utf-8") return -1;
  }
  if (range.type === "*") return 0;
  if (range.subtype === "*") return 1;
  return range.params.size === 0 ? 2 : 3;
}

function unquote(value: string): string {
  return value.startsWith('"') ? value.slice(1, -1).replaceAll(/\\(.)/g, "$1") : value;
}
