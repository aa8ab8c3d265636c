/** Reduces a failing scenario to what its failure needs: few faults, changes and nodes, short and plain. */

import type { LinkProfile } from "./link.ts";
import { kindOfFailure, type Outcome, runScenario } from "./run_scenario.ts";
import type { Action, NodeSpec, Scenario } from "./scenario.ts";

export interface Shrunk {
  readonly outcome: Outcome;
  /** Number of scenarios that ran to find it. */
  readonly runs: number;
}

const PLAIN: LinkProfile = { delayMs: 1, jitterMs: 0, pieceBytes: 0, windowBytes: 65_536 };

/** Shrinks the scenario of `failed` in at most `maxRuns` runs, keeping the same kind of failure. Deterministic. */
export async function shrink(failed: Outcome, maxRuns = 1_000): Promise<Shrunk> {
  const kind = kindOfFailure(failed.failure!);
  let best = failed;
  let runs = 0;
  const attempt = async (scenario: Scenario): Promise<boolean> => {
    // The rest may need another seed: for the delay of a piece, and above all for which bit is flipped.
    const isRandom = scenario.actions.some(({ type }) => type === "corrupt");
    for (let seed = scenario.seed; seed <= scenario.seed + (isRandom ? 4 : 1); seed++) {
      if (runs >= maxRuns) return false;
      runs++;
      const outcome = await runScenario({ ...scenario, seed });
      if (outcome.failure === undefined || kindOfFailure(outcome.failure) !== kind) continue;
      best = outcome;
      return true;
    }
    return false;
  };
  for (let sizeBefore = Number.POSITIVE_INFINITY; sizeOf(best.scenario) < sizeBefore; ) {
    sizeBefore = sizeOf(best.scenario);
    await attempt(endAt(best.scenario, best.endedAtMs));
    await dropActions(() => best.scenario, attempt);
    for (const { name, upstreams } of [...best.scenario.nodes].reverse())
      if (upstreams.length > 0) await attempt(withoutNode(best.scenario, name));
    for (const simpler of simplifications(best.scenario)) await attempt(simpler(best.scenario));
  }
  return { outcome: best, runs };
}

/** Size of the report; shrinking continues while it falls. */
function sizeOf({ nodes, actions, durationMs, schemas }: Scenario): number {
  return JSON.stringify([nodes, actions, schemas]).length + durationMs / 10;
}

/** Without everything after the failure. */
function endAt(scenario: Scenario, endedAtMs: number): Scenario {
  const durationMs = Math.min(scenario.durationMs, Math.ceil(endedAtMs) + 1);
  return {
    ...scenario,
    durationMs,
    actions: scenario.actions.filter(({ atMs }) => atMs <= durationMs),
  };
}

/** Drops sequences of actions: half of them, a quarter, down to single actions. */
async function dropActions(
  current: () => Scenario,
  attempt: (scenario: Scenario) => Promise<boolean>,
): Promise<void> {
  for (let size = current().actions.length; size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < current().actions.length; ) {
      const { actions } = current();
      const left = [...actions.slice(0, from), ...actions.slice(from + size)];
      if (!(await attempt({ ...current(), actions: left }))) from += size;
    }
  }
}

/** Without one node: its downstreams follow its upstreams. */
function withoutNode(scenario: Scenario, name: string): Scenario {
  const { upstreams: own } = scenario.nodes.find((node) => node.name === name)!;
  const nodes = scenario.nodes
    .filter((node) => node.name !== name)
    .map((node): NodeSpec => {
      if (!node.upstreams.includes(name)) return node;
      const others = node.upstreams.flatMap((upstream) => (upstream === name ? own : [upstream]));
      return { ...node, upstreams: [...new Set(others)].filter((other) => other !== node.name) };
    });
  const actions = scenario.actions.flatMap((action): Action[] => {
    if ("link" in action && action.link.includes(name)) return [];
    if ("node" in action && action.node === name) return [];
    if (action.type !== "mutate") return [action];
    const left = action.nodes.filter((node) => node !== name);
    return left.length === 0 ? [] : [{ ...action, nodes: left }];
  });
  return { ...scenario, nodes, actions };
}

type Change = (scenario: Scenario) => Scenario;

/** Changes that each make one thing in a scenario plainer. */
function simplifications({ nodes, actions }: Scenario): Change[] {
  const changes: Change[] = [
    (scenario) => ({ ...scenario, schemas: [{ A: {} }, { B: {} }] }),
    (scenario) => ({ ...scenario, schemas: [{ A: {}, B: {} }, { C: {} }] }),
  ];
  const setNode = (name: string, part: (node: NodeSpec) => Partial<NodeSpec>) =>
    changes.push((scenario) => ({
      ...scenario,
      nodes: scenario.nodes.map((node) => (node.name === name ? { ...node, ...part(node) } : node)),
    }));
  for (const { name, upstreams, profile, startAtMs, pushIntervalMs } of nodes) {
    if (upstreams.length > 1)
      setNode(name, ({ upstreams }) => ({ upstreams: upstreams.slice(0, 1) }));
    if (profile !== PLAIN) setNode(name, () => ({ profile: PLAIN }));
    if (startAtMs > 0) setNode(name, () => ({ startAtMs: 0 }));
    if (pushIntervalMs > 0) setNode(name, () => ({ pushIntervalMs: 0 }));
  }
  actions.forEach((action, place) => {
    const set = (part: object) =>
      changes.push((scenario) => ({
        ...scenario,
        actions: scenario.actions.map((other, i) =>
          i === place ? ({ ...other, ...part } as Action) : other,
        ),
      }));
    if ("states" in action && action.states.length > 1) set({ states: action.states.slice(0, 1) });
    if ("nodes" in action && action.nodes.length > 1) set({ nodes: action.nodes.slice(0, 1) });
    if (action.type === "cut" && action.isTorn) set({ isTorn: false });
    if (action.type === "corrupt" && action.isCut) set({ isCut: false });
    if (action.type === "carry") set({ profile: PLAIN });
  });
  return changes;
}
