/** Binds the two ports of a node. */

import {
  type FetchHandler,
  type ListenAddress,
  ListenError,
  type Listener,
} from "../runtime/listener.ts";
import { type Address, NodeAddress } from "./address.ts";
import { ConfigError, type NodeConfig, variableAndFlagOf } from "./config.ts";
import type { BoundAddresses } from "./node_view.ts";

export type Listen = (fetch: FetchHandler, address: ListenAddress) => Promise<Listener>;

/** The listeners of a node. */
export interface NodeListeners {
  readonly replication: Listener;
  readonly http: Listener;
  readonly bound: BoundAddresses;
}

export interface ListenParts {
  readonly listenHttp: Listen;
  /** HTTP/2 without TLS. */
  readonly listenHttp2: Listen;
  readonly serveReplication: FetchHandler;
  readonly serveHttp: FetchHandler;
  /** What the user calls a setting, for errors. Default: its variable and its flag. */
  readonly nameOf?: ((flag: string) => string) | undefined;
}

/** Rejects with {@linkcode ConfigError} for an address that cannot be used; nothing listens then. */
export async function listenOnBoth(config: NodeConfig, parts: ListenParts): Promise<NodeListeners> {
  const replication = await bind(
    parts.listenHttp2,
    parts.serveReplication,
    config,
    "addr",
    parts.nameOf,
  );
  try {
    const http = await bind(parts.listenHttp, parts.serveHttp, config, "http-addr", parts.nameOf);
    const bound = {
      addr: toBound(config.addr, replication),
      httpAddr: toBound(config.httpAddr, http),
    };
    return { replication, http, bound };
  } catch (error) {
    await replication.close(0);
    throw error;
  }
}

async function bind(
  listen: Listen,
  fetch: FetchHandler,
  config: NodeConfig,
  flag: "addr" | "http-addr",
  nameOf = variableAndFlagOf,
): Promise<Listener> {
  try {
    return await listen(fetch, flag === "addr" ? config.addr : config.httpAddr);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const hint = `set another with ${nameOf(flag)}`;
    throw new ConfigError([`Cannot start ${config.name}: ${error.message}; ${hint}`], {
      cause: error,
    });
  }
}

function toBound({ host }: Address, { port }: Listener): NodeAddress {
  return new NodeAddress({ host, port });
}
