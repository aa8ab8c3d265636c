/** A tree of node processes with a proxy on every link, for a test to break. */

import type { NodeRole } from "../../http/mod.ts";
import { NodeProcess } from "./node_process.ts";
import { TcpProxy } from "./tcp_proxy.ts";

export interface PlaceOptions {
  readonly role?: NodeRole;
  /** Names of the upstream nodes, the preferred first; they may start later. Without any, the node is a root. */
  readonly upstreams?: readonly string[];
  /** More variables of this node. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Every node listens on free ports, new ones at each start; the links between nodes go through proxies, whose
 * addresses stay the same.
 */
export class ProcessTree {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #places = new Map<string, PlaceOptions>();
  readonly #nodes = new Map<string, NodeProcess>();
  readonly #links = new Map<string, TcpProxy>();
  /** Ended nodes included. */
  readonly #started: NodeProcess[] = [];

  /** `variables` apply to all nodes; unless they set a feed, only mutations change states. */
  constructor(variables: Readonly<Record<string, string>> = {}) {
    this.#variables = { TST_FEED: "none", ...variables };
  }

  /** Starts a node, or restarts it in its place without options. Resolves once it listens. */
  async start(name: string, options = this.#places.get(name) ?? {}): Promise<NodeProcess> {
    this.#places.set(name, options);
    const { role, upstreams = [], variables } = options;
    const links = await Promise.all(upstreams.map((upstream) => this.#open(name, upstream)));
    const node = await NodeProcess.start(name, {
      ...this.#variables,
      ...(role && { TST_ROLE: role }),
      TST_PARENT_ADDR: links.map(({ address }) => address).join(","),
      ...variables,
    });
    this.#started.push(node);
    this.#nodes.set(name, node);
    return node;
  }

  /** The running node of that name, or the last one that ran. */
  node(name: string): NodeProcess {
    const node = this.#nodes.get(name);
    if (node === undefined)
      throw new RangeError(`Cannot find node "${name}": there are ${[...this.#nodes.keys()]}`);
    return node;
  }

  /** Kills a node, and removes it from the tree. */
  async remove(name: string): Promise<void> {
    await this.node(name).kill();
    this.#nodes.delete(name);
    this.#places.delete(name);
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** The link from `downstream` to `upstream`. */
  link(downstream: string, upstream: string): TcpProxy {
    const link = this.#links.get(`${downstream}→${upstream}`);
    if (link === undefined)
      throw new RangeError(
        `Cannot find the link ${downstream}→${upstream}: there are ${[...this.#links.keys()].join(", ")}`,
      );
    return link;
  }

  /** Name of the upstream node that a node follows. */
  async upstreamOf(name: string): Promise<string> {
    const { upstream } = (await this.node(name).get("/topology")).json<{
      upstream: { address: string };
    }>();
    const isFollowed = (other: string) =>
      this.#links.get(`${name}→${other}`)?.address === upstream.address;
    const found = this.#places.get(name)?.upstreams?.find(isFollowed);
    if (found === undefined)
      throw new RangeError(`Cannot name the upstream of "${name}": it is ${upstream.address}`);
    return found;
  }

  /** Ends all faults of all links. */
  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  /** The logs of all nodes, for a failed test. */
  logs(): string {
    const lines = this.#started.flatMap(({ name, log }) =>
      log.map(({ atMs, level, text }) => ({ atMs, line: `${name} ${level} ${text}` })),
    );
    return lines
      .sort((a, b) => a.atMs - b.atMs)
      .map(({ atMs, line }) => `${atMs.toFixed(0)} ${line}`)
      .join("\n");
  }

  /** Kills every node and closes every link. */
  async close(): Promise<void> {
    await Promise.all(this.#started.map((node) => node.exited ?? node.kill()));
    await Promise.all([...this.#links.values()].map((link) => link.close()));
  }

  async #open(downstream: string, upstream: string): Promise<TcpProxy> {
    const key = `${downstream}→${upstream}`;
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const link = await TcpProxy.listen(() => this.#nodes.get(upstream)?.port);
    this.#links.set(key, link);
    return link;
  }
}
