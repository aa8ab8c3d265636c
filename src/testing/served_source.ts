/** A source of two states behind a replication server, in memory, at virtual time. */

import { createMachine, defineSchema, type Machine } from "../machine/mod.ts";
import {
  createReplicationServer,
  createSource,
  Publisher,
  type ReplicationServerOptions,
} from "../replication/mod.ts";
import { VirtualTime } from "./virtual_time.ts";

/** States A, and B that requires A. `options` replace those of the server. */
export function serveSource(
  options: Partial<ReplicationServerOptions> & { readonly maxDownstreams?: number } = {},
) {
  const { maxDownstreams, ...serverOptions } = options;
  const machine = createMachine(defineSchema({ A: {}, B: { require: ["A"] } }), {
    id: "m",
  }) as unknown as Machine;
  const time = new VirtualTime();
  const source = createSource(machine, { time, epoch: "00000000000000aa" });
  let onClosed: () => unknown = () => {};
  const publisher = new Publisher(source.clock, {
    name: "root",
    machineId: "m",
    time,
    tracer: { downstreamClosed: () => onClosed() },
    ...(maxDownstreams !== undefined && { maxDownstreams }),
  });
  const errors: unknown[] = [];
  const serve = createReplicationServer({
    publisher,
    mutate: async (request) => source.mutate(request),
    time,
    onError: (error) => errors.push(error),
    ...serverOptions,
  });
  /** Resolves once there is no downstream left. */
  const allGone = () =>
    new Promise<void>((resolve) => {
      onClosed = () => publisher.downstreams.size === 0 && resolve();
      onClosed();
    });
  return { machine, time, source, publisher, serve, errors, allGone };
}
