/** A tree of processes under constant checks of each node's responses and each mutation's effect. */

import { MutationLoad } from "./mutation_load.ts";
import { NodeWatch, type WatchOptions } from "./node_watch.ts";
import { ProcessTree } from "./process_tree.ts";
import { RootRecord } from "./root_record.ts";
import { until } from "./until.ts";

export class WatchedTree extends ProcessTree {
  readonly record = new RootRecord(() => this.node("root").url);
  /** The only source of mutations, so that their number is known. */
  readonly load = new MutationLoad(() => this.#loaded.map((name) => this.node(name)));
  #loaded: readonly string[] = [];
  readonly #watches = new Map<string, NodeWatch>();
  readonly #ended = new AbortController();
  readonly #running: Promise<void>[] = [];

  /** Sends the load through these nodes from now on. */
  loadThrough(names: readonly string[]): void {
    this.#loaded = names;
  }

  /** Sends one mutation through these nodes, or those of the load, until there is a response. Resolves to the version at which its result holds. */
  mutate(...names: readonly string[]): Promise<string> {
    return names.length === 0
      ? this.load.send()
      : this.load.send(() => names.map((name) => this.node(name)));
  }

  /** Waits until these nodes are ready, and checks their states from then on. The first call starts the record of the root. */
  async watch(names: readonly string[], options: WatchOptions = {}): Promise<void> {
    if (this.#running.length === 0) this.#running.push(this.record.follow(this.#ended.signal));
    await until("the root's first version", () => this.record.version !== "");
    for (const name of names) {
      await this.untilReady(name);
      const watch = new NodeWatch(() => this.node(name), this.record, options);
      this.#watches.set(name, watch);
      this.#running.push(watch.run(this.#ended.signal));
    }
  }

  watchOf(name: string): NodeWatch {
    const watch = this.#watches.get(name);
    if (watch === undefined) throw new RangeError(`Cannot find a watch of node "${name}"`);
    return watch;
  }

  /** Resolves once `/readyz` of the node responds 200. */
  async untilReady(name: string, withinMs = 10_000): Promise<void> {
    const look = async () => (await this.node(name).get("/readyz")).status === 200;
    await until(`"${name}" ready`, look, { withinMs });
  }

  /** Resolves once each of these nodes shows the current version of the root, or a later one. */
  async untilEqual(names: readonly string[], withinMs = 10_000): Promise<void> {
    const { version } = (await this.node("root").get("/states")).json<{ version: string }>();
    await Promise.all(
      names.map((name) =>
        until(
          `${version} at "${name}"`,
          async () =>
            (await this.node(name).get(`/states?min-version=${version}&wait=${withinMs}`))
              .status === 200,
          { withinMs },
        ),
      ),
    );
  }

  /** Ends all faults: links heal, and every node runs, restarted if its process has ended. */
  async restore(): Promise<void> {
    this.heal();
    await Promise.all(
      this.names.map(async (name) => {
        const node = this.node(name);
        node.resume();
        if (!node.isToStay) {
          await node.ended;
          await this.start(name);
        }
        await this.untilReady(name);
        this.#watches.get(name)?.returned();
      }),
    );
  }

  /** What went wrong, by the watches and the load. Call it when the load has stopped and all faults have ended. */
  async problems(): Promise<string[]> {
    const watches = [...this.#watches.values()];
    await this.untilEqual(watches.map(({ name }) => name));
    const unsettled = watches.map((watch) => watch.unsettled);
    // All versions shown so far are versions of the root.
    const { version } = (await this.node("root").get("/states")).json<{ version: string }>();
    await until(`${version} in the record`, () => this.record.hasReached(version));
    return [
      ...watches.flatMap((watch, i) => watch.problems(unsettled[i])),
      ...this.load.problems(this.record),
    ];
  }

  /** Measurements, as lines for people. */
  summary(): string {
    const lines = [...this.#watches.values()].map(({ name, counts }) => {
      const { responses, equal, agreed, unknown, away, oldestMs, understatedMs } = counts;
      return `${name}: ${responses} responses, ${equal} equal to the root, ${agreed} to each other, ${unknown} not recorded; down ${away}; oldest ${oldestMs} ms, age too low by up to ${Math.round(understatedMs)} ms`;
    });
    return [...lines, `${this.load.describe()}; lives of the root: ${this.record.epochs}`].join(
      "\n",
    );
  }

  override async close(): Promise<void> {
    this.#ended.abort();
    await Promise.all(this.#running);
    await super.close();
  }
}
