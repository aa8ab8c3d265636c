/** A node as its HTTP API sees it: `GET /topology` and what all routes read. */

import type { NodeApi, Topology } from "../http/mod.ts";
import {
  type Call,
  listSelection,
  type Mutate,
  type Publisher,
  type TimeSource,
} from "../replication/mod.ts";
import { type Address, formatAddress } from "./address.ts";
import type { NodeConfig } from "./config.ts";
import { type Core, levelOf, MACHINE_ID } from "./core.ts";

/** The addresses that a node listens on, once it does. */
export interface BoundAddresses {
  addr: Address;
  httpAddr: Address;
}

export interface NodeViewParts {
  readonly config: NodeConfig;
  readonly core: Core;
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
      selection: config.selection === undefined ? null : listSelection(config.selection),
      addr: formatAddress(bound.addr),
      httpAddr: formatAddress(bound.httpAddr),
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
