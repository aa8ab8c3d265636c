/** What tells readers that a node shows some of the states alone. */

import { listSelection, type Selection } from "../replication/mod.ts";
import type { NodeApi } from "./node_api.ts";

/**
 * Header with the states that the node follows, as names, and prefixes with a star, each
 * percent-encoded; `...` at its end says that there are more, which `GET /schema` lists. It stands on
 * every answer that shows states of a node with a selection: other states may be active or not.
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
    // A name may hold half a surrogate pair, which encodeURIComponent refuses.
    const encoded = encodeURIComponent(item.toWellFormed());
    if (value.length + encoded.length > MAX_LENGTH) return `${value}...`;
    value += value === "" ? encoded : `,${encoded}`;
  }
  return value;
}
