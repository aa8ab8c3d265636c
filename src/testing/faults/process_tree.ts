/** A tree of node processes with a proxy on every link, for a test to break. */

import { NodeProcess } from "./node_process.ts";
import { TcpProxy } from "./tcp_proxy.ts";

export interface PlaceOptions {
  readonly role?: "root" | "relay" | "leaf";
  /** Names of the nodes upstream, the preferred first; they need not run yet. None makes a root. */
  readonly upstreams?: readonly string[];
  /** Further variables of this node. */
  readonly variables?: Readonly<Record<string, string>>;
}

/**
 * Every node listens on ports that the system gives, new ones at each start; the links between them go
 * through proxies, whose addresses stay.
 */
export class ProcessTree {
  readonly #variables: Readonly<Record<string, string>>;
  readonly #places = new Map<string, PlaceOptions>();
  readonly #nodes = new Map<string, NodeProcess>();
  readonly #links = new Map<string, TcpProxy>();
  /** Ended ones too. */
  readonly #started: NodeProcess[] = [];

  /** `variables` are those of all nodes; without a feed of their own nothing moves but by mutations. */
  constructor(variables: Readonly<Record<string, string>> = {}) {
    this.#variables = { TST_FEED: "none", ...variables };
  }

  /** Starts a node, in a place of its own or, without options, in the one that it had. Resolves once it listens. */
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

  /** The node of that name that runs, or the last one that did. */
  node(name: string): NodeProcess {
    const node = this.#nodes.get(name);
    if (node === undefined)
      throw new RangeError(`Cannot find node "${name}": there are ${[...this.#nodes.keys()]}`);
    return node;
  }

  /** Kills a node, and gives up its place. */
  async remove(name: string): Promise<void> {
    await this.node(name).kill();
    this.#nodes.delete(name);
    this.#places.delete(name);
  }

  get names(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  /** The link of `downstream` to `upstream`. */
  link(downstream: string, upstream: string): TcpProxy {
    const link = this.#links.get(`${downstream}→${upstream}`);
    if (link === undefined)
      throw new RangeError(
        `Cannot find the link ${downstream}→${upstream}: there are ${[...this.#links.keys()].join(", ")}`,
      );
    return link;
  }

  /** Name of the node upstream that a node follows. */
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

  /** What all nodes have logged, for a test that failed. */
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
