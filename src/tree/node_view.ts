/** A node as its HTTP API sees it: `GET /topology` and what all routes read. */

import type { NodeApi, Topology } from "../http/mod.ts";
import {
  type Call,
  listSelection,
  type Mutate,
  type Publisher,
  type TimeSource,
} from "../replication/mod.ts";
import type { NodeAddress } from "./address.ts";
import type { NodeConfig } from "./config.ts";
import { type Core, levelOf } from "./core.ts";

/** The addresses that a node listens on, once it does. */
export interface BoundAddresses {
  addr: NodeAddress;
  httpAddr: NodeAddress;
}

export interface NodeViewParts {
  readonly config: NodeConfig;
  readonly core: Omit<Core, "machine" | "localMachine">;
  readonly publisher: Publisher;
  readonly mutate: Mutate;
  readonly call: Call;
  readonly time: TimeSource;
  /** Filled in when the node listens. */
  readonly bound: BoundAddresses;
}

export function createNodeView(parts: NodeViewParts): NodeApi {
  const { config, core, mutate, call, time } = parts;
  const startedAt = new Date(time.now()).toISOString();
  return {
    name: config.name,
    get machineId() {
      return core.machineId;
    },
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
    call,
    topology: () => showTopology(parts, startedAt),
  };
}

function showTopology(
  { config, core, publisher, bound }: NodeViewParts,
  startedAt: string,
): Topology {
  const { clock } = core;
  return {
    node: {
      name: config.name,
      role: config.role,
      level: levelOf(config, core) ?? null,
      machine: core.machineId === "" ? null : core.machineId,
      selection: config.selection === undefined ? null : listSelection(config.selection),
      addr: `${bound.addr}`,
      httpAddr: `${bound.httpAddr}`,
      version: clock.epoch === "" ? null : clock.version,
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
  };
}
