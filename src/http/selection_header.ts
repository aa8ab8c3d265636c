/** The header by which readers learn that a node shows only some of the states. */

import { listSelection, type Selection } from "../replication/mod.ts";
import type { NodeApi } from "./node_api.ts";

/**
 * Header with the states that the node follows, as names and as prefixes with a star, each
 * percent-encoded. A trailing `...` says that there are more; `GET /schema` lists them all. Every
 * response of a node with a selection that shows states carries it: other states may be active or not.
 */
export const MACHINE_SELECTION_HEADER = "machine-selection";

const MAX_LENGTH = 1_000;
const values = new WeakMap<Selection, string>();

/** The header, if the node has a selection. */
export function selectionHeader({ selection }: NodeApi): Record<string, string> {
  if (selection === undefined) return {};
  let value = values.get(selection);
  if (value === undefined) {
    value = encodeItems(listSelection(selection));
    values.set(selection, value);
  }
  return { [MACHINE_SELECTION_HEADER]: value };
}

function encodeItems(items: readonly string[]): string {
  let value = "";
  for (const item of items) {
    // A name may hold half a surrogate pair; encodeURIComponent throws for one.
    const encoded = encodeURIComponent(item.toWellFormed());
    if (value.length + encoded.length > MAX_LENGTH) return `${value}...`;
    value += value === "" ? encoded : `,${encoded}`;
  }
  return value;
}
