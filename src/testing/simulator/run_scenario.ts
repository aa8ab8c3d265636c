/** Runs one scenario: its faults, then the time until all is equal, then the end of every node. */

import type { Counts } from "./counts.ts";
import { LONGEST_MUTATION_MS } from "./create_scenario.ts";
import { levelsOf, type Scenario } from "./scenario.ts";
import { World } from "./world.ts";

/** What a healthy hop adds to an age besides the heartbeat interval: its delay, and what is not known of that. */
const HOP_MS = 30;

/** How long five levels of heartbeats may take to tell of another way to the root. */
const TOLD_MS = 5_100;

export interface Outcome {
  readonly scenario: Scenario;
  /** What was wrong first; undefined if nothing was. */
  readonly failure: string | undefined;
  /** When the run ended, in virtual milliseconds. */
  readonly endedAtMs: number;
  /** How long all took to be equal after the faults had ended, and the longest that it may take. */
  readonly convergedMs: number;
  readonly boundMs: number;
  readonly events: number;
  readonly digest: number;
  readonly counts: Counts;
}

export interface RunOptions {
  /** Is told of each thing that happens, as a line. */
  readonly log?: (line: string) => void;
}

export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Outcome> {
  const world = new World(scenario, options);
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
  if (world.failure === undefined) await end(world);
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
 * The longest that a tree may take to be equal once nothing fails any more. Level by level: the silence
 * that tells a link lost, one round of the addresses, each with a wait, a try to connect and the time in
 * which it may have no clock, and then the way back to the preferred upstream.
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
  // A node that stops in order may still be at that.
  await world.run(endMs, () => world.isUp);
  if (world.failure !== undefined) return;
  changeOnce(world);
  await world.run(endMs, () => isEqual(world));
  if (world.failure === undefined && !isEqual(world)) world.fail(describeUnequal(world, boundMs));
  world.sweep();
}

/** One change that must reach every node. */
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

/** All nodes end in order, and leave nothing behind. */
async function end(world: World): Promise<void> {
  const { events } = world;
  const { mutations } = world;
  // Those under way have their deadline.
  if (!mutations.isIdle)
    await world.run(events.nowMs + LONGEST_MUTATION_MS + 100, () => mutations.isIdle);
  mutations.check();
  // In some runs, all have time to learn how quick their links are.
  if (world.scenario.seed % 8 === 0) {
    await world.run(events.nowMs + 7_000);
    checkFresh(world);
  }
  const { nodes } = world;
  for (const node of nodes) node.close();
  await world.run(events.nowMs + 1_000);
  for (const { process, publisher } of nodes) {
    if (process.pendingTimers > 0)
      world.fail(`${process.name} has closed, and ${process.pendingTimers} timers wait`);
    if (publisher.downstreams.size > 0)
      world.fail(`${process.name} has closed, and has ${publisher.downstreams.size} downstreams`);
  }
  for (const { link } of world.network.open) world.fail(`A stream on ${link.name} is left open`);
}

/** With nothing wrong any more, every node is live, and not much older than heartbeats make it. */
function checkFresh(world: World): void {
  const intervals = new Map(
    world.scenario.nodes.map(({ name, heartbeatIntervalMs }) => [name, heartbeatIntervalMs]),
  );
  for (const { spec, replica } of world.nodes) {
    if (replica === undefined) continue;
    const isSettled = world.events.nowMs - world.movedAtMs > TOLD_MS;
    const upstream = world.node(replica.address);
    const path = [...(upstream?.replica?.path ?? []), replica.address];
    if (isSettled && replica.path.join() !== path.join()) {
      world.fail(
        `${spec.name} knows its way to the root as ${replica.path.join(" → ")}, not ${path.join(" → ")}`,
      );
    }
    const ageMs = replica.ageMs();
    const limitMs = replica.path.reduce((sum, name) => sum + intervals.get(name)! + HOP_MS, 0);
    if (replica.status !== "live" || ageMs > limitMs) {
      world.fail(
        `${spec.name} is ${replica.status}, ${ageMs.toFixed(1)} ms old by ${replica.path.join(" → ")}, with nothing wrong`,
      );
    }
  }
}

/** A failure without the numbers and names in it: two of one kind are the same thing going wrong. */
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
