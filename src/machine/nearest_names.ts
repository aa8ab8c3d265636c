/** Suggestions for a misspelt name. */

/** Longer names are cut before comparing, which bounds the cost of a hostile name. */
const MAX_COMPARED_LENGTH = 64;

/**
 * The `limit` names nearest to `name`, the nearest first, ties in the order of `names`. Nearest means
 * fewest insertions, deletions, replacements and swaps of neighbours (optimal string alignment), ignoring
 * case. Names that contain the whole input come first.
 */
export function nearestNames(name: string, names: readonly string[], limit = 3): string[] {
  const wanted = name.slice(0, MAX_COMPARED_LENGTH).toLowerCase();
  const nearest: { name: string; distance: number }[] = [];
  for (const candidate of names) {
    const compared = candidate.slice(0, MAX_COMPARED_LENGTH).toLowerCase();
    const bound = nearest.length < limit ? Infinity : nearest[limit - 1]!.distance;
    const distance =
      wanted.length > 2 && compared.includes(wanted)
        ? (compared.length - wanted.length) / MAX_COMPARED_LENGTH
        : editDistance(wanted, compared, bound);
    if (distance >= bound) continue;
    const at = nearest.findIndex((other) => distance < other.distance);
    nearest.splice(at < 0 ? nearest.length : at, 0, { name: candidate, distance });
    if (nearest.length > limit) nearest.pop();
  }
  return nearest.map((found) => found.name);
}

/** Like {@linkcode nearestNames}, but only names close enough to be meant: within a third of the name's length. */
export function likelyNames(name: string, names: readonly string[]): string[] {
  const bound = Math.max(1, Math.floor(name.length / 3)) + 1;
  const short = name.slice(0, MAX_COMPARED_LENGTH).toLowerCase();
  return nearestNames(name, names).filter(
    (found) =>
      editDistance(short, found.slice(0, MAX_COMPARED_LENGTH).toLowerCase(), bound) < bound,
  );
}

/** Edit distance of two strings; any number >= `bound` once the distance cannot be less. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) >= bound) return bound;
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let distance = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, beforePrevious[j - 2]! + 1);
      }
      current.push(distance);
      if (distance < least) least = distance;
    }
    // A swap reaches back two rows, but from a cell that is at most 1 lower, so it cannot get below the bound either.
    if (least >= bound) return bound;
    beforePrevious = previous;
    previous = current;
  }
  return previous[b.length]!;
}
