/** Connects to a machine somewhere in a tree. */

import type { Schema } from "../machine/mod.ts";
import { throwLater } from "../machine/mod.ts";
import type { HandlerTracer, ReplicaEvent } from "../replica_machine/mod.ts";
import {
  parseSelection,
  Replica,
  ReplicationError,
  type Selection,
  systemTime,
  type TimeSource,
  type Transport,
  type UpstreamTracer,
  withDeadline,
} from "../replication/mod.ts";
import { RemoteMachine } from "./remote_machine.ts";

/** A node's address: `host:port`, a URL such as `https://leaf.example`, or a node's own `addr`. */
export type NodeAddress = string | { readonly host: string; readonly port: number };

export interface ConnectOptions<N extends string = string> {
  /** The nodes to follow, the preferred first. */
  readonly addresses: NodeAddress | readonly NodeAddress[];
  /** Gives the state names their types; states that the machine at the root has not are an error of their use. */
  readonly schema?: Schema<N>;
  /** Follows only these states: `Flight1*,Ready`. Default: all. */
  readonly select?: string;
  /** Name of this copy among the downstreams of the node that it follows. Default `remote-` and random digits. */
  readonly name?: string;
  /** Longest time in milliseconds until the first clock. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default deadline of mutations and calls, in milliseconds. Default 10,000. */
  readonly mutationTimeoutMs?: number;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** Receives errors of handlers and listeners. Default: nobody catches them. */
  readonly onError?: (error: Error, event: ReplicaEvent | undefined) => void;
  readonly handlerTracer?: HandlerTracer;
  readonly tracer?: UpstreamTracer;
  readonly time?: TimeSource;
}

/** How bytes get to a node, and what ends it. */
export interface Connection {
  readonly transport: Transport;
  close?(): Promise<void>;
}

const OPTIONS: readonly (keyof ConnectOptions)[] = [
  "addresses",
  "schema",
  "select",
  "name",
  "timeoutMs",
  "mutationTimeoutMs",
  "signal",
  "onError",
  "handlerTracer",
  "tracer",
  "time",
];

/** What `connect()` takes: an address, a list of them, or options. */
export type ConnectTarget<N extends string = string> =
  | NodeAddress
  | readonly NodeAddress[]
  | ConnectOptions<N>;

/**
 * Connects over a transport that `open` makes. Resolves once the first clock is here. Throws `TypeError` for
 * a bad target or option; rejects with `ReplicationError` (`deadline_exceeded`), or the signal's reason.
 */
export async function connectOver<N extends string>(
  open: () => Connection,
  target: ConnectTarget<N>,
): Promise<RemoteMachine<N>> {
  const options = toOptions(target);
  const { time = systemTime, timeoutMs = 10_000, mutationTimeoutMs = 10_000, signal } = options;
  const addresses = toAddresses(options.addresses);
  const selection = options.select === undefined ? undefined : parseSelection(options.select);
  const onError = options.onError ?? throwLater;
  const connection = open();
  const replica = new Replica({
    name: options.name ?? `remote-${crypto.randomUUID().slice(0, 8)}`,
    addresses,
    transport: connection.transport,
    selection: selection as Selection | undefined,
    time,
    onListenerError: (error) => onError(error, undefined),
    ...(options.tracer && { tracer: options.tracer }),
  });
  const remote = new RemoteMachine<N>(replica, {
    ...(options.schema && { states: Object.keys(options.schema) as N[] }),
    onError,
    time,
    mutationTimeoutMs,
    ...(options.handlerTracer && { tracer: options.handlerTracer }),
    onClose: async () => connection.close?.(),
  });
  replica.start();
  const toError = () =>
    new ReplicationError(
      "deadline_exceeded",
      `Cannot connect to ${addresses.join(", ")} within ${timeoutMs} ms: ${replica.lastError?.message ?? "no clock has come"}`,
      { cause: replica.lastError },
    );
  try {
    const whenSynced = (deadline: AbortSignal) => remote.whenSynced({ signal: deadline });
    await withDeadline(whenSynced, { time, timeoutMs, toError, signal });
  } catch (error) {
    await remote.close();
    throw error;
  }
  return remote;
}

function toOptions<N extends string>(target: ConnectTarget<N>): ConnectOptions<N> {
  if (typeof target === "string" || Array.isArray(target) || isAddress(target))
    return { addresses: target as NodeAddress | readonly NodeAddress[] };
  if (typeof target !== "object" || target === null) {
    throw new TypeError(
      `Cannot connect to ${String(target)}: it is not an address such as "127.0.0.1:19700", a list of them, or options`,
    );
  }
  const unknown = Object.keys(target).find((key) => !(OPTIONS as string[]).includes(key));
  if (unknown !== undefined)
    throw new TypeError(`Cannot use option "${unknown}": the options are ${OPTIONS.join(", ")}`);
  return target as ConnectOptions<N>;
}

function toAddresses(given: NodeAddress | readonly NodeAddress[]): string[] {
  const list = Array.isArray(given) ? (given as readonly NodeAddress[]) : [given as NodeAddress];
  if (list.length === 0) throw new TypeError("Cannot connect: the list of addresses is empty");
  return list.map((address) => {
    if (isAddress(address)) {
      const host = address.host.includes(":") ? `[${address.host}]` : address.host;
      return `${host}:${address.port}`;
    }
    const isText = typeof address === "string";
    const url = isText && (address.includes("://") ? address : `http://${address}`);
    if (!url || !URL.canParse(url) || (new URL(url).port === "" && !address.includes("://"))) {
      throw new TypeError(
        `Cannot connect to ${isText ? `"${address}"` : String(address)}: it is not host:port, such as 127.0.0.1:19700, nor a URL, such as https://leaf.example`,
      );
    }
    return address;
  });
}

function isAddress(value: unknown): value is { host: string; port: number } {
  return typeof value === "object" && value !== null && "host" in value && "port" in value;
}
