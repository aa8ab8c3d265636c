/**
 * Trees of real processes for tests to break: `npm run test:faults` runs the files `*.faults.ts` in this folder.
 *
 * ```ts
 * const tree = new WatchedTree();
 * await tree.start("root");
 * await tree.start("leaf", { upstreams: ["root"] });
 * await tree.watch(["leaf"]);
 * tree.link("leaf", "root").cut("rst");
 * await tree.mutate("leaf");
 * expect(await tree.problems()).toEqual([]);
 * ```
 *
 * @module
 */

export { MutationLoad } from "./mutation_load.ts";
export { NodeProcess } from "./node_process.ts";
export { RootRecord } from "./root_record.ts";
export { listenInVain } from "./silent_listener.ts";
export { TcpProxy } from "./tcp_proxy.ts";
export { until } from "./until.ts";
export { VersionOrder } from "./version_order.ts";
export { WatchedTree } from "./watched_tree.ts";
