/** A relay or leaf: a replica of the clock upstream. */

import { Replica, ReplicationError, type UpstreamTracer } from "../replication/mod.ts";
import type { NodeConfig } from "./config.ts";
import type { Core, CoreServices } from "./core.ts";
import { createLocalMachine } from "./local_machine.ts";
import type { Logger } from "./log.ts";
import type { NodeProgram } from "./program.ts";
import { joinTracers } from "./tracers.ts";

export function createReplicaCore<N extends string>(
  config: NodeConfig,
  services: CoreServices,
  { states }: NodeProgram<N>,
): Core<N> {
  const { transport, time, telemetry, log, onListenerError } = services;
  const replica: Replica = new Replica({
    name: config.name,
    addresses: config.parentAddrs,
    selection: config.selection,
    transport,
    time,
    onListenerError,
    tracer: joinTracers(telemetry.replication.upstream, logUpstream(log), {
      linkStatus(status) {
        if (status === "live") telemetry.setLevel(replica.path.length);
      },
    }),
  });
  telemetry.followUpstream(replica);
  const machine = createLocalMachine(replica.clock, config.name, states, services);
  return {
    get machineId() {
      return replica.machineId;
    },
    clock: replica.clock,
    machine: undefined,
    localMachine: machine,
    mutate: (request, options) => replica.mutate(request, options),
    call: (request, options) => replica.call(request, options),
    ageMs: () => replica.ageMs(),
    upstreamPath: () => replica.path,
    upstream: () => ({
      address: replica.address,
      status: replica.status,
      lagMs: replica.lagMs(),
      reconnects: replica.reconnects,
      resyncs: [...replica.resyncs.values()].reduce((sum, count) => sum + count, 0),
      bytesReceived: replica.bytesReceived,
    }),
    start: () => replica.start(),
    stopWork: () => machine.close(),
    close: () => replica.close(),
  };
}

function logUpstream(log: Logger): UpstreamTracer {
  // An unreachable node is tried again and again: each new reason gets one line, per address.
  const lastReasons = new Map<string, string>();
  return {
    linkStatus(status, address) {
      if (status === "live") lastReasons.clear();
      log.info(`link ${status}`, { upstream: address });
    },
    linkLost({ address, error }) {
      if (lastReasons.get(address) === error.message) return;
      lastReasons.set(address, error.message);
      log.warn("link lost", { upstream: address, code: error.code, reason: error.message });
    },
    resync: (reason, detail) => log.warn("resync", { reason, detail }),
    moved: ({ address, reason }) => log.info("link moved", { upstream: address, reason }),
    forwarded(request, outcome) {
      const result = outcome instanceof ReplicationError ? outcome.code : outcome.result;
      const fields = { type: request.type, states: request.states.join(" "), result };
      log.debug("mutation forwarded", fields, request.traceContext);
    },
  };
}
