/** Scenarios and runs as text. */

import type { LinkProfile } from "./link.ts";
import type { Action, NodeSpec, Scenario } from "./scenario.ts";
import type { Shrunk } from "./shrink.ts";

/** One line on an action. */
export function describeAction(action: Action): string {
  switch (action.type) {
    case "change":
      return `root: ${action.mutation} ${action.states.join(" ")}`;
    case "mutate":
      return `${action.nodes.join(", ")}: mutation ${action.id}, ${action.mutation} ${action.states.join(" ")}${action.hasKey ? ", with a key" : ""}, within ${action.timeoutMs} ms`;
    case "grow schema":
      return "root: one more state in the schema";
    case "cut":
      return `${action.link.join("→")} is cut${action.isTorn ? " within a piece" : ""}, told: ${action.told}`;
    case "hold":
      return `${action.link.join("→")} holds everything for ${action.forMs} ms`;
    case "black hole":
      return `${action.link.join("→")} is a black hole for ${action.forMs} ms`;
    case "corrupt":
      return `${action.link.join("→")} ${action.isCut ? "breaks, and " : ""}flips a bit in one of ${action.oneIn} pieces for ${action.forMs} ms`;
    case "carry":
      return `${action.link.join("→")} now carries ${describeProfile(action.profile)}`;
    case "crash":
      return `${action.node} crashes for ${action.downMs} ms${action.isTold ? "" : ", and nobody is told"}`;
    case "stop":
      return `${action.node} stops in order for ${action.downMs} ms`;
    case "set clock":
      return `${action.node}: the wall clock is set by ${action.byMs} ms`;
    case "pause":
      return `${action.node} is paused for ${action.forMs} ms, then ${action.wake}`;
  }
}

function describeProfile({ delayMs, jitterMs, pieceBytes, windowBytes }: LinkProfile): string {
  const pieces = pieceBytes === 0 ? "" : `, in pieces of at most ${pieceBytes} bytes`;
  return `in ${delayMs} to ${delayMs + jitterMs} ms${pieces}, ${windowBytes} bytes at once`;
}

/** The tree of a scenario, one line a node. */
export function describeNodes({ nodes }: Scenario): string[] {
  return nodes.map(describeNode);
}

function describeNode(node: NodeSpec): string {
  const upstreams = node.upstreams.length === 0 ? "" : ` follows ${node.upstreams.join(", then ")}`;
  const states = node.prefixes === undefined ? "" : `, the states ${node.prefixes.join("*, ")}*`;
  return `${node.name}${upstreams}${states}; link ${describeProfile(node.profile)}; push ${node.pushIntervalMs} ms, heartbeat ${node.heartbeatIntervalMs} ms`;
}

/** A failure to read: the tree, what happened, and how to see it again. */
export function reportFailure(seed: number, shrunk: Shrunk, transcript: readonly string[]): string {
  const { scenario, failure } = shrunk.outcome;
  return [
    `Scenario ${seed} went wrong: ${failure}`,
    "",
    `Shrunk, in ${shrunk.runs} runs, to ${scenario.nodes.length} nodes, ${scenario.actions.length} actions and ${scenario.durationMs} ms:`,
    ...describeNodes(scenario).map((line) => `  ${line}`),
    ...scenario.schemas.map((schema, i) => `  schema ${i}: ${JSON.stringify(schema)}`),
    "",
    ...transcript,
    "",
    `To see it again: SIM_SEED=${seed} SIM_SCENARIOS=1 npm run simulate`,
  ].join("\n");
}
