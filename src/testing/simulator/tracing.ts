/** Tracers of simulated nodes: each event becomes a line and a count of the simulation. */

import type { ReplicationError, ReplicationTracer } from "../../replication/mod.ts";
import type { Counts } from "./counts.ts";
import type { SimProcess } from "./process.ts";
import type { Scenario } from "./scenario.ts";
import type { Streams } from "./streams.ts";

/** The simulation that a tracer reports to. */
export interface Simulation {
  readonly scenario: Scenario;
  readonly counts: Counts;
  readonly streams: Streams;
  log(line: () => string): void;
  fail(message: string): void;
  /** Called when a node has moved to another upstream. */
  moved(): void;
}

/** Parts of messages that distinguish the losses of a link. */
const LOSSES = [
  "upstream of itself",
  "older clock",
  "silent",
  "no whole message",
  "no clock",
  "broke off",
  "Cannot reach",
  "is stopping",
];

export function createTracer(world: Simulation, process: SimProcess): ReplicationTracer {
  const { name } = process;
  const { counts } = world;
  const isCorrupt = world.scenario.actions.some(({ type }) => type === "corrupt");
  return {
    linkStatus: (status, address) => world.log(() => `${name} is ${status} (${address})`),
    linkLost({ error }) {
      counts.add(`lost: ${kindOf(error)}`);
      world.log(() => `${name} lost its link: ${error.message}`);
    },
    moved({ address, reason }) {
      counts.add(`moved: ${reason}`);
      world.moved();
      world.log(() => `${name} moves to ${address}, ${reason}`);
    },
    resync(reason, detail) {
      counts.add(`resync: ${reason}`);
      world.log(() => `${name} needs a resync, ${reason}: ${detail}`);
      if (isCorrupt) return;
      world.fail(`${name} needed a resync (${reason}: ${detail}), though no byte was changed`);
    },
    applied({ isSnapshot, epoch, seqBefore, seq }) {
      counts.add(isSnapshot ? "snapshot" : "diff");
      const what = isSnapshot ? "snapshot" : `diff ${seqBefore} to`;
      world.log(() => `${name} applied ${what} ${epoch}-${seq}`);
    },
    pushed: ({ bytes }) => world.streams.pushed(process, bytes),
    downstreamClosed(downstream, error) {
      if (error?.code === "resource_exhausted") counts.add("cut off");
      world.log(() => `${name} closed ${downstream}${error ? `: ${error.message}` : ""}`);
    },
  };
}

/** The kind of an error, without names and numbers. */
function kindOf({ code, message }: ReplicationError): string {
  return LOSSES.find((part) => message.includes(part)) ?? code;
}
