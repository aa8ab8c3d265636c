/** The input of one simulated run: plain data, so that it can be printed, shrunk and run again. */

import type { Schema } from "../../machine/mod.ts";
import type { MutationRequest } from "../../replication/mod.ts";
import type { LinkProfile } from "./link.ts";
import type { WakeOrder } from "./process.ts";

export interface Scenario {
  readonly seed: number;
  /** Faults end after this time, in milliseconds; then all nodes must become equal. */
  readonly durationMs: number;
  /** The root starts with the first; after a restart it may have another. */
  readonly schemas: readonly Schema[];
  /** The root first. */
  readonly nodes: readonly NodeSpec[];
  /** In order of time. */
  readonly actions: readonly Action[];
}

export interface NodeSpec {
  readonly name: string;
  /** Names of the nodes to follow, the preferred first; none for the root. */
  readonly upstreams: readonly string[];
  /** How its links upstream deliver bytes. */
  readonly profile: LinkProfile;
  readonly startAtMs: number;
  /** It follows only states whose names begin with one of these; all if absent. */
  readonly prefixes?: readonly string[];
  readonly pushIntervalMs: number;
  readonly heartbeatIntervalMs: number;
  readonly stallTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly syncTimeoutMs: number;
  readonly messageTimeoutMs: number;
  readonly maxUpstreamAgeMs: number;
  readonly preferredRetryMs: number;
  readonly backoffMaxMs: number;
}

/** Client and server of a link. */
export type LinkName = readonly [client: string, server: string];

/** Which sides notice that a connection is gone. */
export type NoticedBy = "both" | "client" | "server";

export type Action = { readonly atMs: number } & (
  | ({ readonly type: "change" } & Pick<MutationRequest, "states"> & {
        readonly mutation: MutationRequest["type"];
      })
  | MutateAction
  /** Adds a state to the schema of the running root. */
  | { readonly type: "grow schema" }
  | {
      readonly type: "cut";
      readonly link: LinkName;
      readonly noticedBy: NoticedBy;
      readonly isTorn: boolean;
    }
  | { readonly type: "hold"; readonly link: LinkName; readonly forMs: number }
  | { readonly type: "black hole"; readonly link: LinkName; readonly forMs: number }
  | {
      readonly type: "corrupt";
      readonly link: LinkName;
      readonly forMs: number;
      /** Whether the connection breaks first, so that a new stream begins with wrong bits. */
      readonly isCut: boolean;
      readonly oneIn: number;
    }
  | { readonly type: "carry"; readonly link: LinkName; readonly profile: LinkProfile }
  | {
      readonly type: "crash";
      readonly node: string;
      readonly downMs: number;
      /** Whether its system closes the connections, as after a kill; it cannot when the whole host is down. */
      readonly isNoticed: boolean;
      /** For the root: index of the schema after its restart. */
      readonly schema: number;
    }
  /** A clean stop: its downstreams first get some time to move elsewhere. */
  | { readonly type: "stop"; readonly node: string; readonly downMs: number }
  /** Moves the wall clock. */
  | { readonly type: "set clock"; readonly node: string; readonly byMs: number }
  | {
      readonly type: "pause";
      readonly node: string;
      readonly forMs: number;
      readonly wake: WakeOrder;
    }
);

export type MutateAction = {
  readonly type: "mutate";
  readonly id: string;
  readonly mutation: MutationRequest["type"];
  readonly states: readonly string[];
  /** The nodes that receive it, in order; more than one only with a key. */
  readonly nodes: readonly string[];
  readonly hasKey: boolean;
  readonly timeoutMs: number;
};

/** All links that the addresses of the nodes allow. */
export function linksOf(nodes: readonly NodeSpec[]): LinkName[] {
  return nodes.flatMap(({ name, upstreams }) =>
    upstreams.map((upstream): LinkName => [name, upstream]),
  );
}

/** Number of hops from each node to the root by its preferred upstreams. */
export function levelsOf(nodes: readonly NodeSpec[]): Map<string, number> {
  const preferred = new Map(nodes.map(({ name, upstreams }) => [name, upstreams[0]]));
  const levels = new Map<string, number>();
  for (const { name } of nodes) {
    let level = 0;
    for (let at = preferred.get(name); at !== undefined; at = preferred.get(at)) level++;
    levels.set(name, level);
  }
  return levels;
}
