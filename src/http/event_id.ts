/** Ids of server-sent events: they say what a reader has, so that it can resume. */

import type { NodeApi } from "./node_api.ts";
import { MACHINE_SELECTION_HEADER, selectionHeader } from "./selection_header.ts";
import { parseVersion, type Version } from "./version.ts";

/**
 * The node's version. With a selection, a tilde and a hash of the selection follow, because a diff
 * fits only readers of the same states.
 */
export function toEventId(node: NodeApi): string {
  return node.clock.version + tagOf(node);
}

/** The version in an event id; undefined unless the id is valid and about the states that this node has. */
export function parseEventId(node: NodeApi, id: string): Version | undefined {
  const tag = tagOf(node);
  return id.endsWith(tag) ? parseVersion(id.slice(0, id.length - tag.length)) : undefined;
}

function tagOf(node: NodeApi): string {
  const { [MACHINE_SELECTION_HEADER]: items } = selectionHeader(node);
  if (items === undefined) return "";
  // FNV-1a, over ASCII.
  let hash = 0x811c_9dc5;
  for (let i = 0; i < items.length; i++) hash = Math.imul(hash ^ items.charCodeAt(i), 0x0100_0193);
  return `~${(hash >>> 0).toString(16).padStart(8, "0")}`;
}
