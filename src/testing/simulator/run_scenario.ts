/** Runs one scenario: its faults, then the time until all nodes are equal, then the end of every node. */

import { scheduleActions } from "./actions.ts";
import type { Counts } from "./counts.ts";
import { LONGEST_MUTATION_MS } from "./create_scenario.ts";
import { Mutations } from "./mutations.ts";
import { levelsOf, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/** What a healthy hop adds to an age besides the heartbeat interval: its delay, and the uncertainty of it. */
const HOP_MS = 30;

/** How long heartbeats may take to announce another path to the root over five levels. */
const ANNOUNCED_MS = 5_100;

export interface Outcome {
  readonly scenario: Scenario;
  /** The first failure; undefined if there was none. */
  readonly failure: string | undefined;
  /** When the run ended, in virtual milliseconds. */
  readonly endedAtMs: number;
  /** How long all nodes took to be equal after the faults had ended, and the longest allowed time. */
  readonly convergedMs: number;
  readonly boundMs: number;
  readonly events: number;
  readonly digest: number;
  readonly counts: Counts;
}

export interface RunOptions {
  /** Receives a line for each event. */
  readonly log?: (line: string) => void;
}

export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Outcome> {
  const world = new World(scenario, options);
  const mutations = new Mutations(world);
  scheduleActions(world, mutations);
  const { events } = world;
  await world.run(scenario.durationMs);
  world.sweep();
  const boundMs = convergenceBoundMs(scenario);
  const healedAtMs = events.nowMs;
  let convergedMs = Number.NaN;
  if (world.failure === undefined) {
    await heal(world, boundMs);
    convergedMs = events.nowMs - healedAtMs;
  }
  if (world.failure === undefined) await end(world, mutations);
  return {
    scenario,
    failure: world.failure,
    endedAtMs: events.nowMs,
    convergedMs,
    boundMs,
    events: events.count,
    digest: world.digest,
    counts: world.counts,
  };
}

/**
 * The longest time that a tree may take to be equal after the last fault. Per level: the silence after
 * which a link is lost, one round of the addresses, each with a backoff, an attempt to connect and the time
 * for the first clock, and then the move back to the preferred upstream.
 */
export function convergenceBoundMs({ nodes }: Scenario): number {
  const levels = levelsOf(nodes);
  const silenceMs = 3 * Math.max(...nodes.map(({ heartbeatIntervalMs }) => heartbeatIntervalMs));
  const perLevel: number[] = [];
  for (const node of nodes) {
    const roundMs =
      (node.upstreams.length + 1) *
      (node.backoffMaxMs + node.connectTimeoutMs + node.syncTimeoutMs);
    const level = levels.get(node.name)!;
    perLevel[level] = Math.max(
      perLevel[level] ?? 0,
      silenceMs + roundMs + node.messageTimeoutMs + node.preferredRetryMs + node.stallTimeoutMs,
    );
  }
  return 1_000 + perLevel.reduce((sum, ms) => sum + ms, 0);
}

/** Ends all faults; from then on all must become equal within `boundMs`. */
async function heal(world: World, boundMs: number): Promise<void> {
  const endMs = world.events.nowMs + boundMs;
  world.heal();
  await world.run(world.events.nowMs + 10);
  // A node may still be stopping cleanly.
  await world.run(endMs, () => world.isUp);
  if (world.failure !== undefined) return;
  changeOnce(world);
  await world.run(endMs, () => isEqual(world));
  if (world.failure === undefined && !isEqual(world)) world.fail(describeUnequal(world, boundMs));
  world.sweep();
}

/** Makes a change that must reach every node. */
function changeOnce({ root }: World): void {
  const machine = root!.machine!;
  const { seq } = root!.clock;
  for (const name of machine.names) {
    machine.toggle(name);
    if (root!.clock.seq > seq) return;
  }
}

function isEqual(world: World): boolean {
  const { root } = world;
  return world.nodes.every(
    ({ clock }) => clock.seq === root!.clock.seq && clock.epoch === root!.clock.epoch,
  );
}

function describeUnequal(world: World, boundMs: number): string {
  const { clock } = world.root!;
  const others = world.nodes
    .filter((node) => node.clock.version !== clock.version)
    .map(({ spec, clock, replica }) => `${spec.name} is at ${clock.version}, ${replica?.status}`);
  return `${boundMs} ms after the faults ended, the root is at ${clock.version}, and ${others.join("; ")}`;
}

/** Ends all nodes cleanly, and checks that nothing is left. */
async function end(world: World, mutations: Mutations): Promise<void> {
  const { events } = world;
  // Mutations in flight end by their deadline.
  if (!mutations.isIdle)
    await world.run(events.nowMs + LONGEST_MUTATION_MS + 100, () => mutations.isIdle);
  mutations.check();
  // In some runs, all nodes have time to measure the delay of their links.
  if (world.scenario.seed % 8 === 0) {
    await world.run(events.nowMs + 7_000);
    checkFresh(world);
  }
  const { nodes } = world;
  for (const node of nodes) node.close();
  await world.run(events.nowMs + 1_000);
  for (const { process, publisher } of nodes) {
    if (process.pendingTimers > 0)
      world.fail(`${process.name} has closed with ${process.pendingTimers} pending timers`);
    if (publisher.downstreams.size > 0)
      world.fail(`${process.name} has closed with ${publisher.downstreams.size} downstreams`);
  }
  for (const { link } of world.network.open) world.fail(`A stream on ${link.name} is left open`);
}

/** Without faults, every node is live, and its age is little more than the heartbeat intervals. */
function checkFresh(world: World): void {
  const intervals = new Map(
    world.scenario.nodes.map(({ name, heartbeatIntervalMs }) => [name, heartbeatIntervalMs]),
  );
  for (const { spec, replica } of world.nodes) {
    if (replica === undefined) continue;
    const isSettled = world.events.nowMs - world.movedAtMs > ANNOUNCED_MS;
    const upstream = world.node(replica.address);
    const path = [...(upstream?.replica?.path ?? []), replica.address];
    if (isSettled && replica.path.join() !== path.join()) {
      world.fail(`${spec.name} has the path ${replica.path.join(" → ")}, not ${path.join(" → ")}`);
    }
    const ageMs = replica.ageMs();
    const limitMs = replica.path.reduce((sum, name) => sum + intervals.get(name)! + HOP_MS, 0);
    if (replica.status !== "live" || ageMs > limitMs) {
      world.fail(
        `${spec.name} is ${replica.status}, ${ageMs.toFixed(1)} ms old by ${replica.path.join(" → ")}, without a fault`,
      );
    }
  }
}

/** A failure without its numbers and names, so that failures of the same kind are equal. */
export function kindOfFailure(failure: string): string {
  return failure
    .replace(/[0-9a-f]{16}-\d+/g, "<version>")
    .replace(/\b[a-e]\d+\b/g, "<node>")
    .replace(/\broot\b/g, "<node>")
    .replace(/-?\d+(\.\d+)?/g, "<n>")
    .replace(/ with (ticks|states|another).*/, "")
    .replace(/(, and <node> is at).*/, "$1")
    .replace(/\(.*\)/, "");
}
