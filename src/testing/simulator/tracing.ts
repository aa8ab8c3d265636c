/** What nodes tell of themselves, as lines and counts of a simulation. */

import type { ReplicationError, ReplicationTracer } from "../../replication/mod.ts";
import type { SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** Parts of messages that tell one loss of a link from another. */
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

export function createTracer(world: World, process: SimProcess): ReplicationTracer {
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
      world.movedAtMs = world.events.nowMs;
      world.log(() => `${name} goes over to ${address}, ${reason}`);
    },
    resync(reason, detail) {
      counts.add(`resync: ${reason}`);
      world.log(() => `${name} needs a resync, ${reason}: ${detail}`);
      if (isCorrupt) return;
      world.fail(`${name} needed a resync (${reason}: ${detail}), with every byte as it was sent`);
    },
    applied({ isSnapshot, epoch, seqBefore, seq }) {
      counts.add(isSnapshot ? "snapshot" : "diff");
      const what = isSnapshot ? "snapshot" : `diff ${seqBefore} to`;
      world.log(() => `${name} took ${what} ${epoch}-${seq}`);
    },
    pushed: ({ bytes }) => world.streams.pushed(process, bytes),
    downstreamClosed(downstream, error) {
      if (error?.code === "resource_exhausted") counts.add("cut off");
      world.log(() => `${name} closed ${downstream}${error ? `: ${error.message}` : ""}`);
    },
  };
}

/** What an error is about, without names and numbers. */
function kindOf({ code, message }: ReplicationError): string {
  return LOSSES.find((part) => message.includes(part)) ?? code;
}
