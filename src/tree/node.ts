/**
 * One node of the tree, built out of its parts in the order in which data flows: core (source or replica),
 * publisher, HTTP API, listeners.
 */

import { createHttpApi, createReplicationRoutes, type NodeRole } from "../http/mod.ts";
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
import { NodeAddress } from "./address.ts";
import type { NodeConfig } from "./config.ts";
import type { Core } from "./core.ts";
import { type Listen, listenOnBoth } from "./listen.ts";
import type { Logger } from "./log.ts";
import { createMetricsRoute } from "./metrics_route.ts";
import { type BoundAddresses, createNodeView } from "./node_view.ts";
import type { NodeProgram } from "./program.ts";
import { createReplicaCore } from "./replica_core.ts";
import { createRoot } from "./root_core.ts";
import { InFlight, stopNode } from "./stop.ts";
import { joinTracers } from "./tracers.ts";

/** What a runtime gives a node, and what its user adds. */
export interface NodeServices<N extends string = string> {
  readonly listenHttp: Listen;
  /** HTTP/2 without TLS. */
  readonly listenHttp2: Listen;
  /** To the nodes upstream. */
  readonly transport: Transport;
  readonly log: Logger;
  /** Where metrics, traces and logs go; without it there is no `/metrics`. The caller shuts it down. */
  readonly telemetry?: TelemetryBackend | undefined;
  readonly time?: TimeSource;
  /** What runs in the node; a root needs its machine. */
  readonly program?: NodeProgram<N>;
  /** What the user calls a setting, for errors. Default: its variable and its flag. */
  readonly nameOf?: (flag: string) => string;
  /** Closes what these services hold. Called when the node has stopped, not if it cannot start. */
  readonly release?: () => Promise<void>;
}

/** A running node. */
export interface TreeNode<N extends string = string> extends AsyncDisposable {
  readonly name: string;
  readonly role: NodeRole;
  /** Id of the machine at the root; empty on a relay or leaf before its first clock. */
  readonly machineId: string;
  /** Where the replication server listens; as text `host:port`. */
  readonly addr: NodeAddress;
  /** Where the HTTP API listens; as text `host:port`. */
  readonly httpAddr: NodeAddress;
  readonly clock: VersionedClock;
  /** The machine; only on the root. */
  readonly machine: Machine<N> | undefined;
  /** The machine that local handlers are bound to; on relays and leaves. */
  readonly localMachine: ReplicaMachine<N> | undefined;
  /** Stops the node, in at most `drainMs` and a little: see {@linkcode stopNode}. Further calls return the same promise. */
  close(): Promise<void>;
}

/**
 * Builds a node and starts it. Rejects with `ConfigError` for a configuration that cannot work here, such as a
 * port that is taken, and with `TypeError` for a machine that already has a node.
 */
export async function startNode<N extends string = string>(
  config: NodeConfig,
  services: NodeServices<N>,
): Promise<TreeNode<N>> {
  const { log, time = systemTime, transport, telemetry: backend, program = {} } = services;
  const onError = (error: unknown) => logUnexpected(log, error);
  const telemetry = new NodeTelemetry({ backend, log, time, machineId: () => core.machineId });
  const createCore = config.role === "root" ? createRoot<N> : createReplicaCore<N>;
  const core: Core<N> = createCore(
    config,
    { transport, log, time, telemetry, onListenerError: onError },
    program,
  );
  const publisher = createPublisher(config, core, telemetry, log, time);
  program.measure?.(telemetry.metrics, core.clock);
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
  const bound: BoundAddresses = {
    addr: new NodeAddress(config.addr),
    httpAddr: new NodeAddress(config.httpAddr),
  };
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
    machine: core.machineId || undefined,
    replication: `${bound.addr}`,
    http: `${bound.httpAddr}`,
  });
  let closed: Promise<void> | undefined;
  const close = () => {
    const parts = { config, core, publisher, listeners, inFlight, draining, stopping, log, time };
    closed ??= stopNode(parts).then(services.release);
    return closed;
  };
  return {
    ...bound,
    name: config.name,
    role: config.role,
    get machineId() {
      return core.machineId;
    },
    clock: core.clock,
    machine: core.machine,
    localMachine: core.localMachine,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The publisher of a node's clock, with its telemetry. */
function createPublisher(
  config: NodeConfig,
  core: Pick<Core, "clock" | "machineId" | "upstreamPath" | "ageMs">,
  telemetry: NodeTelemetry,
  log: Logger,
  time: TimeSource,
): Publisher {
  const publisher = new Publisher(core.clock, {
    name: config.name,
    machineId: () => core.machineId,
    upstreamPath: () => core.upstreamPath(),
    ageMs: () => core.ageMs(),
    pushIntervalMs: config.pushIntervalMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    selection: config.selection,
    time,
    tracer: joinTracers(telemetry.replication.downstream, logDownstreams(log)),
  });
  telemetry.followClock(core.clock, () => core.ageMs(), publisher);
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
