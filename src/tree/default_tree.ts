/** The default tree: its nodes, their addresses, and which is upstream of which. */

import type { NodeRole } from "../http/mod.ts";

/** One node of the default tree; {@linkcode environmentOf} makes its `TST_…` variables. */
export interface TreePlace {
  readonly name: string;
  readonly role: NodeRole;
  readonly port: number;
  readonly httpPort: number;
  /** Ports of the nodes upstream, the preferred first; none on the root. */
  readonly upstreamPorts: readonly number[];
}

const PORT = 19_700;
const HTTP_PORT = 18_700;

/** Each leaf has the other relay as its second upstream. */
const PLACES: readonly (readonly [name: string, role: NodeRole, ...upstream: number[]])[] = [
  ["root", "root"],
  ["rep-1", "relay", 0],
  ["rep-2", "relay", 0],
  ["rep-1-1", "leaf", 1, 2],
  ["rep-1-2", "leaf", 1, 2],
  ["rep-1-3", "leaf", 1, 2],
  ["rep-2-1", "leaf", 2, 1],
  ["rep-2-2", "leaf", 2, 1],
  ["rep-2-3", "leaf", 2, 1],
];

/** The nine nodes of the default tree, upstream before downstream, with `portOffset` added to all ports. */
export function defaultTree(portOffset = 0): TreePlace[] {
  return PLACES.map(([name, role, ...upstream], index) => ({
    name,
    role,
    port: PORT + portOffset + index,
    httpPort: HTTP_PORT + portOffset + index,
    upstreamPorts: upstream.map((index) => PORT + portOffset + index),
  }));
}

/** The variables that make a process this node of the tree on one machine. */
export function environmentOf(place: TreePlace): Record<string, string> {
  return {
    TST_ROLE: place.role,
    TST_NAME: place.name,
    TST_ADDR: `127.0.0.1:${place.port}`,
    TST_HTTP_ADDR: `127.0.0.1:${place.httpPort}`,
    // The root has every state, whatever selection the other nodes follow.
    ...(place.role === "root" && { TST_STATES: "" }),
    TST_PARENT_ADDR: place.upstreamPorts.map((port) => `127.0.0.1:${port}`).join(","),
  };
}
