/** One node of the tree, built out of the parts: a source or a replica, a publisher, and the HTTP API. */

import { Hono } from "hono";
import { createFeed, type Feed, type StateName, schema, stateNames } from "../flights/mod.ts";
import {
  createHttpApi,
  createReplicationRoutes,
  type NodeApi,
  type Topology,
} from "../http/mod.ts";
import { createMachine, type Machine } from "../machine/mod.ts";
import {
  createReplicationServer,
  createSource,
  listSelection,
  type Mutate,
  Publisher,
  Replica,
  type ReplicaMachine,
  ReplicationError,
  type ReplicationTracer,
  systemTime,
  type TimeSource,
  type Transport,
  type VersionedClock,
} from "../replication/mod.ts";
import type { FetchHandler, ListenAddress, Listener } from "../runtime/listener.ts";
import { ListenError } from "../runtime/listener.ts";
import { type Address, formatAddress } from "./address.ts";
import { ConfigError, type NodeConfig, variableOf } from "./config.ts";
import { InFlight } from "./in_flight.ts";
import { createLocalMachine } from "./local_machine.ts";
import type { Logger } from "./log.ts";

/** Id of the machine that the whole tree shows. */
const MACHINE_ID = "flights";

/** What a runtime gives a node. */
export interface NodeServices {
  listenHttp(fetch: FetchHandler, address: ListenAddress): Promise<Listener>;
  /** HTTP/2 without TLS. */
  listenHttp2(fetch: FetchHandler, address: ListenAddress): Promise<Listener>;
  /** To the nodes upstream. */
  readonly transport: Transport;
  readonly log: Logger;
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

/** What differs between a root and all others. */
interface Core {
  readonly clock: VersionedClock;
  readonly machine: Machine | undefined;
  readonly replica: ReplicaMachine<StateName> | undefined;
  readonly mutate: Mutate;
  ageMs(): number;
  /** Node names from the root to the node upstream. */
  upstreamPath(): readonly string[];
  upstream(): Topology["upstream"];
  start(): void;
  /** The node is about to stop: nothing new is to begin by itself. Resolves when what had begun has ended. */
  quiesce(): Promise<void>;
  close(): Promise<void>;
}

/** Builds a node and starts it. Rejects with {@linkcode ConfigError} for a configuration that cannot work here, such as a port that is taken. */
export async function startNode(config: NodeConfig, services: NodeServices): Promise<TreeNode> {
  const { log, time = systemTime } = services;
  const startedAt = new Date(time.now()).toISOString();
  const core =
    config.role === "root"
      ? createRoot(config, log, time)
      : createReplicaCore(config, services, time);
  const publisher = new Publisher(core.clock, {
    name: config.name,
    machineId: MACHINE_ID,
    upstreamPath: () => core.upstreamPath(),
    ageMs: () => core.ageMs(),
    pushIntervalMs: config.pushIntervalMs,
    heartbeatIntervalMs: config.heartbeatIntervalMs,
    selection: config.selection,
    time,
    tracer: downstreamLog(log),
  });
  const draining = new AbortController();
  const stopping = new AbortController();
  const inFlight = new InFlight();
  const mutate: Mutate = (request, options) => inFlight.run(() => core.mutate(request, options));
  const onError = (error: unknown) =>
    log.error("unexpected error", { error: String(error), stack: stackOf(error, log) });
  const serveReplication = createReplicationServer({
    publisher,
    mutate,
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
    extraRoutes: createReplicationRoutes(serveReplication),
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
  const replication = new Hono().all("*", (c) => serveReplication(c.req.raw));
  const addr = await listen(
    services.listenHttp2,
    (request) => replication.fetch(request),
    "addr",
    config.addr,
  );
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
      await Promise.all([listeners["http-addr"]!.close(drainMs), atMost(drainMs, drained, time)]);
      stopping.abort();
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

function createRoot(config: NodeConfig, log: Logger, time: TimeSource): Core {
  const machine = createMachine(schema, {
    id: MACHINE_ID,
    states: stateNames,
  }) as unknown as Machine;
  if (log.enabled("debug")) {
    machine.trace({
      transitionEnd(tx) {
        const { type, states, isAuto } = tx.mutation;
        log.debug(`transition ${tx.isCanceled ? "canceled" : "executed"}`, {
          id: tx.id,
          mutation: isAuto ? "auto" : type,
          states: states.join(" "),
          by: tx.rejected?.by,
        });
      },
    });
  }
  const source = createSource(machine, { time });
  const stopped = new AbortController();
  let feed: Feed;
  try {
    feed = createFeed(config.feed, {
      target: machine,
      time,
      speed: config.feedSpeed,
      mutationIntervalMs: config.mutationIntervalMs,
      observer: {
        dayEnded: (days) => log.info("replayed day ended, starts again", { days }),
        mutated: (mutation, outcome) => {
          if (outcome.result !== "canceled") return;
          log.info("feed mutation canceled", {
            type: mutation.type,
            states: mutation.states.join(" "),
            by: outcome.rejected?.by,
          });
        },
      },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new ConfigError([`Cannot use TST_FEED or its options: ${error.message}`]);
  }
  let fed: Promise<void> | undefined;
  return {
    clock: source.clock,
    machine,
    replica: undefined,
    mutate: async (request) => source.mutate(request),
    ageMs: () => 0,
    upstreamPath: () => [],
    upstream: () => null,
    start() {
      fed = feed
        .start(stopped.signal)
        .catch((error) => log.error("feed failed", { feed: feed.name, error: String(error) }));
      log.info("feed started", {
        feed: feed.name,
        states: machine.names.length,
        epoch: source.clock.epoch,
      });
    },
    async quiesce() {
      stopped.abort();
    },
    async close() {
      stopped.abort();
      await fed;
      source.close();
      await machine.dispose();
      const { executed, canceled, canceledBy } = feed.stats;
      log.info("feed stopped", {
        feed: feed.name,
        executed,
        canceled,
        canceledBy: JSON.stringify(canceledBy),
      });
    },
  };
}

function createReplicaCore(config: NodeConfig, services: NodeServices, time: TimeSource): Core {
  const replica = new Replica({
    name: config.name,
    addresses: config.parentAddrs,
    selection: config.selection,
    transport: services.transport,
    time,
    tracer: upstreamLog(services.log),
  });
  const machine = createLocalMachine(replica, config.name, services.log, time);
  return {
    clock: replica.clock,
    machine: undefined,
    replica: machine,
    mutate: (request, options) => replica.mutate(request, options),
    ageMs: () => replica.ageMs(),
    upstreamPath: () => replica.path,
    upstream: () => ({
      address: replica.address,
      status: replica.status,
      // A live link has nothing outstanding that is known of: what comes is applied at once.
      lagSeq: replica.status === "live" ? 0 : null,
      lagMs: replica.ageMs(),
      reconnects: replica.reconnects,
      resyncs: [...replica.resyncs.values()].reduce((sum, count) => sum + count, 0),
      bytesReceived: replica.bytesReceived,
    }),
    start: () => replica.start(),
    quiesce: () => machine.close(),
    close: () => replica.close(),
  };
}

function upstreamLog(log: Logger): ReplicationTracer {
  // A node that is away is tried again and again; each new reason is worth one line.
  let lastReason = "";
  return {
    linkStatus(status, address) {
      if (status === "live") lastReason = "";
      log.info(`link ${status}`, { upstream: address });
    },
    linkLost({ address, error }) {
      if (error.message === lastReason) return;
      lastReason = error.message;
      log.warn("link lost", { upstream: address, code: error.code, reason: error.message });
    },
    resync: (reason, detail) => log.warn("resync", { reason, detail }),
    moved: ({ address, reason }) => log.info("link moved", { upstream: address, reason }),
    applied({ isSnapshot, epoch, seq, stateCount }) {
      if (isSnapshot) log.info("snapshot applied", { epoch, seq, states: stateCount });
      else log.trace("diff applied", { seq, states: stateCount });
    },
    forwarded(request, outcome) {
      const result = outcome instanceof ReplicationError ? outcome.code : outcome.result;
      log.debug("mutation forwarded", {
        type: request.type,
        states: request.states.join(" "),
        result,
      });
    },
  };
}

function downstreamLog(log: Logger): ReplicationTracer {
  return {
    downstreamOpened: (name) => log.info("downstream opened", { downstream: name }),
    downstreamClosed: (name, error) =>
      log.info("downstream closed", { downstream: name, reason: error?.message }),
  };
}

function stackOf(error: unknown, log: Logger): string | undefined {
  return log.enabled("debug") && error instanceof Error ? error.stack : undefined;
}
