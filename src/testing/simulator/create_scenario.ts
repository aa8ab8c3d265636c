/** Creates a scenario from a seed: the tree, its links, and its faults. */

import { parseSchema, type Schema, type StateDefinition } from "../../machine/mod.ts";
import { MUTATION_TYPES } from "../../replication/mod.ts";
import type { LinkProfile } from "./link.ts";
import { type Random, randomInOrder } from "./random.ts";
import { type Action, linksOf, type NodeSpec, type Scenario } from "./scenario.ts";

/** Possible numbers of nodes, and how often each is drawn. */
const SIZES = [
  { weight: 60, nodes: [2, 4], levels: 3 },
  { weight: 28, nodes: [4, 8], levels: 4 },
  { weight: 10, nodes: [8, 16], levels: 5 },
  { weight: 2, nodes: [17, 50], levels: 5 },
] as const;

/** Longest time that a client waits for a mutation, in milliseconds. */
export const LONGEST_MUTATION_MS = 3_000;

const STATE_NAMES = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L"];

export function createScenario(seed: number): Scenario {
  const random = randomInOrder(seed);
  const nodes = createNodes(random);
  const durationMs = random.int(300, nodes.length > 16 ? 2_000 : 3_000);
  const schemas = [createSchema(random), createSchema(random)];
  const actions = createActions(random, nodes, schemas, durationMs);
  return { seed, durationMs, schemas, nodes, actions };
}

function createNodes(random: Random): NodeSpec[] {
  const size = pickSize(random);
  const count = random.int(size.nodes[0], size.nodes[1]);
  const depth = Math.min(random.int(1, size.levels), count - 1);
  const names: string[][] = [["root"]];
  for (let i = 1; i < count; i++) {
    // Each level has at least one node; the others are distributed at random.
    const level = i <= depth ? i : random.int(1, depth);
    names[level] ??= [];
    names[level]!.push(`${"_abcde"[level]}${names[level]!.length + 1}`);
  }
  const all = names.flat();
  // Half of the trees have the usual limits; the others have short ones, so that more happens in less time.
  const pace = random.chance(0.3) ? 1 : random.pick([0.2, 0.4]);
  const prefixesByName = new Map<string, readonly string[] | undefined>();
  return names.flatMap((level, depthHere) =>
    level.map((name): NodeSpec => {
      const upstreams = depthHere === 0 ? [] : [random.pick(names[depthHere - 1]!)];
      const others = all.filter((other) => other !== name && !upstreams.includes(other));
      if (depthHere > 0 && random.chance(0.5))
        upstreams.push(...random.sample(others, random.int(1, 2)));
      // A node follows the states of its preferred upstream, or a part of them.
      const offered = prefixesByName.get(upstreams[0] ?? "");
      const isPart = offered !== undefined || (depthHere > 0 && random.chance(0.12));
      const prefixes = isPart
        ? random.sample(offered ?? STATE_NAMES, random.int(1, offered?.length ?? 6))
        : undefined;
      prefixesByName.set(name, prefixes);
      return {
        name,
        upstreams,
        profile: createProfile(random),
        ...(prefixes && { prefixes }),
        startAtMs: random.chance(0.8) ? 0 : random.int(0, 600),
        pushIntervalMs: random.chance(0.4) ? 0 : random.int(1, 200),
        heartbeatIntervalMs: Math.round(pace * random.pick([500, 500, 1_000, 300])),
        stallTimeoutMs: Math.round(pace * random.pick([10_000, 3_000])),
        connectTimeoutMs: Math.round(pace * 2_000),
        messageTimeoutMs: Math.round(pace * 10_000),
        maxUpstreamAgeMs: Math.round(pace * random.pick([3_000, 1_000])),
        syncTimeoutMs: Math.round(pace * random.pick([5_000, 2_000])),
        preferredRetryMs: Math.round(pace * random.pick([30_000, 3_000])),
        backoffMaxMs: Math.round(pace * 2_000),
      };
    }),
  );
}

function pickSize(random: Random): (typeof SIZES)[number] {
  let at = random.fraction() * SIZES.reduce((sum, { weight }) => sum + weight, 0);
  return SIZES.find(({ weight }) => {
    at -= weight;
    return at < 0;
  })!;
}

function createProfile(random: Random): LinkProfile {
  return {
    delayMs: random.pick([0.1, 1, 1, 10, 60]),
    jitterMs: random.pick([0, 0, 2, 40]),
    pieceBytes: random.chance(0.85) ? 0 : random.int(1, 30),
    windowBytes: random.chance(0.6) ? 65_536 : random.int(1, 300),
  };
}

function createSchema(random: Random): Schema {
  const names = STATE_NAMES.slice(0, random.int(1, STATE_NAMES.length));
  const some = (but: string) =>
    random.sample(names, random.int(1, 2)).filter((name) => name !== but);
  const states = names.map((name): [string, StateDefinition] => {
    const state: { -readonly [K in keyof StateDefinition]: StateDefinition[K] } = {};
    if (random.chance(0.1)) state.auto = true;
    if (random.chance(0.1)) state.multi = true;
    if (random.chance(0.25)) state.remove = some(name);
    else if (random.chance(0.15)) state.require = some(name);
    if (random.chance(0.1)) state.add = some(name);
    return [name, state];
  });
  const schema = Object.fromEntries(states);
  // No machine has relations that contradict each other: such a draw gets none.
  const isSound = parseSchema(schema).errors.length === 0;
  return isSound ? schema : Object.fromEntries(names.map((name) => [name, {}]));
}

function createActions(
  random: Random,
  nodes: readonly NodeSpec[],
  schemas: readonly Schema[],
  durationMs: number,
): Action[] {
  const names = nodes.map(({ name }) => name);
  const states = Object.keys(schemas[0]!);
  const actions: Action[] = [];
  const at = () => random.int(0, durationMs);
  const someStates = () => random.sample(states, random.int(1, 3));

  const changes = random.int(1, 20);
  for (let i = 0; i < changes; i++) {
    const atMs = at();
    // Sometimes a burst, which a push interval merges.
    const count = random.chance(0.15) ? random.int(2, 8) : 1;
    for (let j = 0; j < count; j++) {
      const mutation = random.pick(MUTATION_TYPES);
      actions.push({ type: "change", atMs: atMs + j, mutation, states: someStates() });
    }
  }

  const mutations = random.int(0, 6);
  for (let i = 0; i < mutations; i++) {
    const hasKey = random.chance(0.6);
    actions.push({
      type: "mutate",
      atMs: at(),
      id: `m${i + 1}`,
      mutation: random.pick(MUTATION_TYPES),
      states: someStates(),
      nodes: hasKey ? random.sample(names, random.int(1, 3)) : [random.pick(names)],
      hasKey,
      timeoutMs: random.pick([50, 500, LONGEST_MUTATION_MS]),
    });
  }

  const faults = random.chance(0.05) ? 0 : random.int(1, 5 + Math.ceil(nodes.length / 4));
  for (let i = 0; i < faults; i++) actions.push(createFault(random, nodes, at(), durationMs));
  return actions.sort((a, b) => a.atMs - b.atMs);
}

function createFault(
  random: Random,
  nodes: readonly NodeSpec[],
  atMs: number,
  durationMs: number,
): Action {
  const link = random.pick(linksOf(nodes));
  const node = random.pick(nodes).name;
  const forMs = random.int(10, durationMs);
  switch (random.int(0, 11)) {
    case 0:
      return { type: "cut", atMs, link, noticedBy: "both", isTorn: random.chance(0.5) };
    case 1:
      return {
        type: "cut",
        atMs,
        link,
        noticedBy: random.pick(["client", "server"]),
        isTorn: random.chance(0.3),
      };
    case 2:
      return { type: "hold", atMs, link, forMs };
    case 3:
      return { type: "black hole", atMs, link, forMs };
    case 4:
      return { type: "carry", atMs, link, profile: createProfile(random) };
    case 5:
      return {
        type: "corrupt",
        atMs,
        link,
        forMs,
        isCut: random.chance(0.5),
        oneIn: random.pick([1, 2, 3, 10]),
      };
    case 6: {
      const schema = random.chance(0.6) ? 0 : 1;
      return { type: "crash", atMs, node, downMs: forMs, isNoticed: random.chance(0.7), schema };
    }
    case 7:
      return {
        type: "crash",
        atMs,
        node: nodes[0]!.name,
        downMs: random.int(0, 300),
        isNoticed: random.chance(0.8),
        schema: random.int(0, 1),
      };
    case 8:
      return { type: "stop", atMs, node, downMs: forMs };
    case 11:
      return { type: "set clock", atMs, node, byMs: random.int(-10_000, 10_000) };
    case 9:
      return { type: "grow schema", atMs };
    default: {
      const wake = random.pick(["as due", "timers first", "network first"] as const);
      return { type: "pause", atMs, node, forMs, wake };
    }
  }
}
