/**
 * One node of the tree, built out of its parts in the order in which data flows: core (source or replica),
 * publisher, HTTP API, listeners.
 */

import type { StateName } from "../flights/mod.ts";
import { createHttpApi, createReplicationRoutes } from "../http/mod.ts";
import type { Machine } from "../machine/mod.ts";
import type { ReplicaMachine } from "../replica_machine/mod.ts";
import {
  type Call,
  createReplicationServer,
  type DownstreamTracer,
  type Mutate,
  Publisher,
  systemTime,
  type TimeSource,
  type Transport,
  type VersionedClock,
} from "../replication/mod.ts";
import { NodeTelemetry, type TelemetryBackend } from "../telemetry/mod.ts";
import { type Address, formatAddress } from "./address.ts";
import type { NodeConfig } from "./config.ts";
import { type Core, MACHINE_ID } from "./core.ts";
import { measureFlights } from "./flight_metrics.ts";
import { type Listen, listenOnBoth } from "./listen.ts";
import type { Logger } from "./log.ts";
import { createMetricsRoute } from "./metrics_route.ts";
import { type BoundAddresses, createNodeView } from "./node_view.ts";
import { createReplicaCore } from "./replica_core.ts";
import { createRoot } from "./root_core.ts";
import { InFlight, stopNode } from "./stop.ts";
import { joinTracers } from "./tracers.ts";

/** What a runtime gives a node. */
export interface NodeServices {
  readonly listenHttp: Listen;
  /** HTTP/2 without TLS. */
  readonly listenHttp2: Listen;
  /** To the nodes upstream. */
  readonly transport: Transport;
  readonly log: Logger;
  /** Where metrics, traces and logs go; without it there is no `/metrics`. The caller shuts it down. */
  readonly telemetry?: TelemetryBackend;
  readonly time?: TimeSource;
}

/** A running node. */
export interface TreeNode {
  /** Where the replication server and the HTTP API listen. */
  readonly addr: Address;
  readonly httpAddr: Address;
  readonly clock: VersionedClock;
  /** The machine; only on the root. */
  readonly machine: Machine | undefined;
  /** The machine that local handlers are bound to; on relays and leaves. */
  readonly localMachine: ReplicaMachine<StateName> | undefined;
  /** See {@linkcode stopNode}. */
  close(): Promise<void>;
}

/** Builds a node and starts it. Rejects with `ConfigError` for a configuration that cannot work here, such as a port that is taken. */
export async function startNode(config: NodeConfig, services: NodeServices): Promise<TreeNode> {
  const { log, time = systemTime, transport, telemetry: backend } = services;
  const onError = (error: unknown) => logUnexpected(log, error);
  const telemetry = new NodeTelemetry({ backend, log, time, machineId: MACHINE_ID });
  const createCore = config.role === "root" ? createRoot : createReplicaCore;
  const core = createCore(config, { transport, log, time, telemetry, onListenerError: onError });
  const publisher = createPublisher(config, core, telemetry, log, time);
  const inFlight = new InFlight();
  const mutate: Mutate = (request, options) => inFlight.run(() => core.mutate(request, options));
  const call: Call = (request, options) => inFlight.run(() => core.call(request, options));
  const serveReplication = createReplicationServer({
    publisher,
    mutate,
    call,
    time,
    tracer: telemetry.replication.downstream,
    onError,
  });

  const draining = new AbortController();
  const stopping = new AbortController();
  const bound: BoundAddresses = { addr: config.addr, httpAddr: config.httpAddr };
  const api = createHttpApi(
    createNodeView({ config, core, publisher, mutate, call, time, bound }),
    {
      corsOrigins: config.corsOrigins,
      extraRoutes: [
        ...createReplicationRoutes(serveReplication),
        ...(backend === undefined ? [] : [createMetricsRoute(backend)]),
      ],
      tracer: telemetry.http,
      onError,
      draining: draining.signal,
      signal: stopping.signal,
    },
  );
  const listeners = await listenOnBoth(config, {
    ...services,
    serveReplication,
    serveHttp: (request) => api.fetch(request),
  }).catch(async (error) => {
    publisher.close();
    await core.close();
    throw error;
  });
  Object.assign(bound, listeners.bound);

  core.start();
  log.info("node started", {
    role: config.role,
    name: config.name,
    replication: formatAddress(bound.addr),
    http: formatAddress(bound.httpAddr),
  });
  return {
    ...bound,
    clock: core.clock,
    machine: core.machine,
    localMachine: core.localMachine,
    close: () =>
      stopNode({ config, core, publisher, listeners, inFlight, draining, stopping, log, time }),
  };
}

/** The publisher of a node's clock, with its telemetry. */
function createPublisher(
  config: NodeConfig,
  core: Core,
  telemetry: NodeTelemetry,
  log: Logger,
  time: TimeSource,
): Publisher {
  const publisher = new Publisher(core.clock, {
    name: config.name,
    machineId: MACHINE_ID,
    upstreamPath: () => core.upstreamPath(),
    ageMs: () => core.ageMs(),
    pushIntervalMs: config.pushIntervalMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    selection: config.selection,
    time,
    tracer: joinTracers(telemetry.replication.downstream, logDownstreams(log)),
  });
  telemetry.followClock(core.clock, () => core.ageMs(), publisher);
  measureFlights(telemetry.metrics, core.clock);
  return publisher;
}

function logDownstreams(log: Logger): DownstreamTracer {
  return {
    downstreamOpened: (name) => log.info("downstream opened", { downstream: name }),
    downstreamClosed: (name, error) =>
      log.info("downstream closed", { downstream: name, reason: error?.message }),
  };
}

function logUnexpected(log: Logger, error: unknown): void {
  const stack = log.enabled("debug") && error instanceof Error ? error.stack : undefined;
  log.error("unexpected error", { error: String(error), stack });
}
