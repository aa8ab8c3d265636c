/**
 * Selections: which states a subscriber requests, by name and by prefix. A node that follows a selection
 * serves it and parts of it, and refuses more: no subscriber gets less than it requested.
 */

/** States selected by name, and all whose names start with one of the prefixes. {@linkcode createSelection} makes it. */
export interface Selection {
  /** Each must exist. Sorted, without repeats. */
  readonly names: readonly string[];
  /** A prefix may match nothing. Sorted; none starts with another. */
  readonly prefixes: readonly string[];
}

/** Most names and prefixes of one selection, and longest name or prefix, in UTF-16 units. */
export const SELECTION_LIMITS = { maxNames: 1_000, maxPrefixes: 100, maxLength: 255 } as const;

/**
 * Makes a selection in its normal form, so that equal ones look alike. A name that a prefix covers is kept:
 * it says that the state must exist. Throws `RangeError` beyond {@linkcode SELECTION_LIMITS}, and for a
 * selection of nothing.
 */
export function createSelection(
  names: readonly string[],
  prefixes: readonly string[] = [],
): Selection {
  const { maxNames, maxPrefixes, maxLength } = SELECTION_LIMITS;
  if (names.length + prefixes.length === 0)
    throw new RangeError("Cannot select: there is neither a name nor a prefix");
  if (names.length > maxNames)
    throw new RangeError(`Cannot select: there are ${names.length} names, more than ${maxNames}`);
  if (prefixes.length > maxPrefixes) {
    throw new RangeError(
      `Cannot select: there are ${prefixes.length} prefixes, more than ${maxPrefixes}`,
    );
  }
  for (const text of [...names, ...prefixes]) {
    if (text !== "" && text.length <= maxLength) continue;
    throw new RangeError(
      `Cannot select: a name or prefix has ${text.length} characters, not 1 to ${maxLength}`,
    );
  }
  const sorted = [...new Set(prefixes)].sort();
  return {
    names: [...new Set(names)].sort(),
    // Sorting puts a prefix right behind a shorter one that it starts with.
    prefixes: sorted.reduce<string[]>((kept, prefix) => {
      if (kept.length === 0 || !prefix.startsWith(kept.at(-1)!)) kept.push(prefix);
      return kept;
    }, []),
  };
}

/** Reads `Exception,Flight1*`: names and, ended by a star, prefixes. Throws `RangeError` as {@linkcode createSelection}, and for a star elsewhere. */
export function parseSelection(text: string): Selection {
  const names: string[] = [];
  const prefixes: string[] = [];
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const star = item.indexOf("*");
    if (star >= 0 && star < item.length - 1)
      throw new RangeError(
        `Cannot select "${item}": a star is allowed only at the end of a prefix`,
      );
    if (item === "*")
      throw new RangeError(`Cannot select "*": that is every state, which needs no selection`);
    if (star < 0) names.push(item);
    else prefixes.push(item.slice(0, -1));
  }
  return createSelection(names, prefixes);
}

/** Its names, then its prefixes, each with a star: what {@linkcode parseSelection} reads, as items. */
export function listSelection({ names, prefixes }: Selection): string[] {
  return [...names, ...prefixes.map((prefix) => `${prefix}*`)];
}

/** The first few items, for messages. */
export function describeSelection(selection: Selection): string {
  const items = listSelection(selection);
  const shown = items.slice(0, 5).join(",");
  return items.length > 5 ? `${shown} and ${items.length - 5} more` : shown;
}

/** Whether a state of this name belongs to the selection. */
export function isSelected(selection: Selection, name: string): boolean {
  return (
    selection.names.includes(name) || selection.prefixes.some((prefix) => name.startsWith(prefix))
  );
}

/**
 * Whether `whole` holds every state that `part` selects, in any schema: undefined is every state.
 * Therefore only a prefix covers a prefix, whatever names exist now.
 */
export function coversSelection(
  whole: Selection | undefined,
  part: Selection | undefined,
): boolean {
  if (whole === undefined) return true;
  if (part === undefined) return false;
  const names = new Set(whole.names);
  const startsSo = (text: string) => whole.prefixes.some((prefix) => text.startsWith(prefix));
  return (
    part.prefixes.every(startsSo) && part.names.every((name) => names.has(name) || startsSo(name))
  );
}

/** A key that equal selections share, and others do not. */
export function keyOf({ names, prefixes }: Selection): string {
  return JSON.stringify([names, prefixes]);
}

/**
 * What is wrong with the states that an upstream sent for `selection`, as the end of a sentence: one that was
 * not requested, or a missing name. An upstream that does not know selections sends all. Undefined if nothing is.
 */
export function faultOfStates(selection: Selection, names: readonly string[]): string | undefined {
  const chosen = new Set(selection.names);
  const known = new Set(names);
  const extra = names.find(
    (name) => !chosen.has(name) && !selection.prefixes.some((prefix) => name.startsWith(prefix)),
  );
  if (extra !== undefined) return `it sent state "${extra}", which was not requested`;
  const missing = selection.names.find((name) => !known.has(name));
  if (missing !== undefined) return `it sent no state "${missing}", which was requested`;
  return undefined;
}
