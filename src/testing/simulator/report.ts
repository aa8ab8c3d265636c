/** Scenarios as text. */

import type { LinkProfile } from "./link.ts";
import type { Action, NodeSpec, Scenario } from "./scenario.ts";

/** An action as one line. */
export function describeAction(action: Action): string {
  switch (action.type) {
    case "change":
      return `root: ${action.mutation} ${action.states.join(" ")}`;
    case "mutate":
      return `${action.nodes.join(", ")}: mutation ${action.id}, ${action.mutation} ${action.states.join(" ")}${action.hasKey ? ", with a key" : ""}, within ${action.timeoutMs} ms`;
    case "grow schema":
      return "root: one more state in the schema";
    case "cut":
      return `${action.link.join("→")} is cut${action.isTorn ? " within a piece" : ""}, noticed by: ${action.noticedBy}`;
    case "hold":
      return `${action.link.join("→")} holds everything for ${action.forMs} ms`;
    case "black hole":
      return `${action.link.join("→")} is a black hole for ${action.forMs} ms`;
    case "corrupt":
      return `${action.link.join("→")} ${action.isCut ? "breaks, and " : ""}flips a bit in one of ${action.oneIn} pieces for ${action.forMs} ms`;
    case "carry":
      return `${action.link.join("→")} now delivers ${describeProfile(action.profile)}`;
    case "crash":
      return `${action.node} crashes for ${action.downMs} ms${action.isNoticed ? "" : ", and no peer notices"}`;
    case "stop":
      return `${action.node} stops cleanly for ${action.downMs} ms`;
    case "set clock":
      return `${action.node}: the wall clock is set by ${action.byMs} ms`;
    case "pause":
      return `${action.node} is paused for ${action.forMs} ms, then ${action.wake}`;
  }
}

function describeProfile({ delayMs, jitterMs, pieceBytes, windowBytes }: LinkProfile): string {
  const pieces = pieceBytes === 0 ? "" : `, in pieces of at most ${pieceBytes} bytes`;
  return `in ${delayMs} to ${delayMs + jitterMs} ms${pieces}, ${windowBytes} bytes in flight`;
}

/** The tree of a scenario, one line per node. */
export function describeNodes({ nodes }: Scenario): string[] {
  return nodes.map(describeNode);
}

function describeNode(node: NodeSpec): string {
  const upstreams = node.upstreams.length === 0 ? "" : ` follows ${node.upstreams.join(", then ")}`;
  const states = node.prefixes === undefined ? "" : `, the states ${node.prefixes.join("*, ")}*`;
  return `${node.name}${upstreams}${states}; link ${describeProfile(node.profile)}; push ${node.pushIntervalMs} ms, heartbeat ${node.heartbeatIntervalMs} ms`;
}
