/** One node of the tree, built out of the parts: a source or a replica, a publisher, and the HTTP API. */

import type { StateName } from "../flights/mod.ts";
import { createHttpApi, createReplicationRoutes, type NodeApi } from "../http/mod.ts";
import type { Machine } from "../machine/mod.ts";
import type { ReplicaMachine } from "../replica_machine/mod.ts";
import {
  createReplicationServer,
  type DownstreamTracer,
  listSelection,
  type Mutate,
  Publisher,
  ReplicationError,
  systemTime,
  type TimeSource,
  type Transport,
  type VersionedClock,
} from "../replication/mod.ts";
import type { FetchHandler, ListenAddress, Listener } from "../runtime/listener.ts";
import { ListenError } from "../runtime/listener.ts";
import { NodeTelemetry, type TelemetryBackend } from "../telemetry/mod.ts";
import { type Address, formatAddress } from "./address.ts";
import { ConfigError, type NodeConfig, variableOf } from "./config.ts";
import { type Core, MACHINE_ID } from "./core.ts";
import { measureFlights } from "./flight_metrics.ts";
import { InFlight } from "./in_flight.ts";
import type { Logger } from "./log.ts";
import { createMetricsRoute } from "./metrics_route.ts";
import { createReplicaCore } from "./replica_core.ts";
import { createRoot } from "./root_core.ts";
import { joinTracers } from "./tracers.ts";

/** What those who still wait when a node's time to drain is over may take to be answered, in milliseconds. */
const LAST_ANSWERS_MS = 200;

/** What a runtime gives a node. */
export interface NodeServices {
  listenHttp(fetch: FetchHandler, address: ListenAddress): Promise<Listener>;
  /** HTTP/2 without TLS. */
  listenHttp2(fetch: FetchHandler, address: ListenAddress): Promise<Listener>;
  /** To the nodes upstream. */
  readonly transport: Transport;
  readonly log: Logger;
  /** Where metrics, traces and logs go; without it there is no `/metrics`. The caller shuts it down. */
  readonly telemetry?: TelemetryBackend;
  readonly time?: TimeSource;
}

/** A node that runs. */
export interface TreeNode {
  /** Where the replication server and the HTTP API listen. */
  readonly addr: Address;
  readonly httpAddr: Address;
  readonly clock: VersionedClock;
  /** The machine, on the root alone. */
  readonly machine: Machine | undefined;
  /** What local handlers are bound to, on relays and leaves. */
  readonly replica: ReplicaMachine<StateName> | undefined;
  /**
   * Stops in order: takes no new HTTP connections, sends downstreams elsewhere, finishes what is under
   * way, handlers included, all for `drainMs` at most, then ends what is left.
   */
  close(): Promise<void>;
}

/** Builds a node and starts it. Rejects with {@linkcode ConfigError} for a configuration that cannot work here, such as a port that is taken. */
export async function startNode(config: NodeConfig, services: NodeServices): Promise<TreeNode> {
  const { log, time = systemTime } = services;
  const startedAt = new Date(time.now()).toISOString();
  const backend = services.telemetry;
  const telemetry = new NodeTelemetry({
    backend,
    log,
    time,
    machineId: MACHINE_ID,
    upstream: () => core.upstream()?.address ?? "",
  });
  const onError = (error: unknown) =>
    log.error("unexpected error", { error: String(error), stack: stackOf(error, log) });
  const { transport } = services;
  const coreServices = { transport, log, time, telemetry, onListenerError: onError };
  const core: Core =
    config.role === "root"
      ? createRoot(config, coreServices)
      : createReplicaCore(config, coreServices);
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
  const draining = new AbortController();
  const stopping = new AbortController();
  const inFlight = new InFlight();
  const mutate: Mutate = (request, options) => inFlight.run(() => core.mutate(request, options));
  const serveReplication = createReplicationServer({
    publisher,
    mutate,
    tracer: telemetry.replication.downstream,
    time,
    onError,
  });
  const node: NodeApi = {
    name: config.name,
    machineId: MACHINE_ID,
    role: config.role,
    get level() {
      return levelOf(config, core);
    },
    clock: core.clock,
    selection: config.selection,
    staleAfterMs: config.staleAfterMs,
    time,
    ageMs: () => core.ageMs(),
    mutate,
    topology: () => ({
      node: {
        name: config.name,
        role: config.role,
        level: levelOf(config, core) ?? null,
        selection: config.selection === undefined ? null : listSelection(config.selection),
        addr: formatAddress(addr),
        httpAddr: formatAddress(httpAddr),
        version: core.clock.epoch === "" ? null : core.clock.version,
        ageMs: core.ageMs(),
        startedAt,
      },
      upstream: core.upstream(),
      downstreams: [...publisher.downstreams].map(
        ({ name, selection, seq, lagSeq, lagMs, bytesSent, pushes, isStalled }) => ({
          name,
          selection: selection === undefined ? null : listSelection(selection),
          seq,
          lagSeq,
          lagMs,
          bytesSent,
          pushes,
          isStalled,
        }),
      ),
    }),
  };
  const api = createHttpApi(node, {
    corsOrigins: config.corsOrigins,
    extraRoutes: [
      ...createReplicationRoutes(serveReplication),
      ...(backend === undefined ? [] : [createMetricsRoute(backend)]),
    ],
    observer: telemetry.http,
    onError,
    draining: draining.signal,
    signal: stopping.signal,
  });

  const listeners: Record<string, Listener> = {};
  const listen = async (
    how: NodeServices["listenHttp"],
    fetch: FetchHandler,
    flag: string,
    address: Address,
  ) => {
    try {
      const listener = await how(fetch, address);
      listeners[flag] = listener;
      return { host: address.host, port: listener.port };
    } catch (error) {
      publisher.close();
      await Promise.all([
        core.close(),
        ...Object.values(listeners).map((listener) => listener.close(0)),
      ]);
      if (!(error instanceof ListenError)) throw error;
      throw new ConfigError([
        `Cannot start ${config.name}: ${error.message}; set another with ${variableOf(flag)} (--${flag})`,
      ]);
    }
  };
  const addr = await listen(services.listenHttp2, serveReplication, "addr", config.addr);
  const httpAddr = await listen(
    services.listenHttp,
    (request) => api.fetch(request),
    "http-addr",
    config.httpAddr,
  );
  core.start();
  log.info("node started", {
    role: config.role,
    name: config.name,
    replication: formatAddress(addr),
    http: formatAddress(httpAddr),
  });

  return {
    addr,
    httpAddr,
    clock: core.clock,
    machine: core.machine,
    replica: core.replica,
    async close() {
      const { name, drainMs } = config;
      log.info("node stops", { name, downstreams: publisher.downstreams.size });
      draining.abort();
      const drained = Promise.all([core.quiesce(), publisher.drain().then(() => inFlight.idle())]);
      const httpClosed = listeners["http-addr"]!.close(drainMs + LAST_ANSWERS_MS);
      await atMost(drainMs, Promise.all([httpClosed, drained]), time);
      // Whoever still waits for something is answered that it will not come.
      stopping.abort();
      await httpClosed;
      publisher.close(new ReplicationError("unavailable", `Node "${name}" is stopping`));
      await core.close();
      await listeners.addr!.close();
      log.info("node stopped", { name: config.name });
    },
  };
}

/** Waits for `done`, but no longer than `ms`. */
function atMost(ms: number, done: Promise<unknown>, time: TimeSource): Promise<void> {
  return new Promise((resolve) => {
    const cancel = time.setTimer(ms, resolve);
    void done.then(() => {
      cancel();
      resolve();
    });
  });
}

function levelOf(config: NodeConfig, core: Core): number | undefined {
  const level = core.upstreamPath().length;
  return config.role === "root" || level > 0 ? level : undefined;
}

function logDownstreams(log: Logger): DownstreamTracer {
  return {
    downstreamOpened: (name) => log.info("downstream opened", { downstream: name }),
    downstreamClosed: (name, error) =>
      log.info("downstream closed", { downstream: name, reason: error?.message }),
  };
}

function stackOf(error: unknown, log: Logger): string | undefined {
  return log.enabled("debug") && error instanceof Error ? error.stack : undefined;
}
