/** Binds the two ports of a node. */

import {
  type FetchHandler,
  type ListenAddress,
  ListenError,
  type Listener,
} from "../runtime/listener.ts";
import type { Address } from "./address.ts";
import { ConfigError, type NodeConfig, variableOf } from "./config.ts";
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
}

/** Rejects with {@linkcode ConfigError} for an address that cannot be used; nothing listens then. */
export async function listenOnBoth(config: NodeConfig, parts: ListenParts): Promise<NodeListeners> {
  const replication = await bind(parts.listenHttp2, parts.serveReplication, config, "addr");
  try {
    const http = await bind(parts.listenHttp, parts.serveHttp, config, "http-addr");
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
): Promise<Listener> {
  try {
    return await listen(fetch, flag === "addr" ? config.addr : config.httpAddr);
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    throw new ConfigError([
      `Cannot start ${config.name}: ${error.message}; set another with ${variableOf(flag)} (--${flag})`,
    ]);
  }
}

function toBound({ host }: Address, { port }: Listener): Address {
  return { host, port };
}
