/** A node of the tree as a process of the bench: the real one, with its feed turned off. */

import { createFlightsProgram, FLIGHTS_SETTINGS } from "../../cli/flights_root.ts";
import { createHttp2Transport, listenHttp, listenHttp2 } from "../../runtime/node.ts";
import {
  createLogger,
  type NodeProgram,
  parseConfig,
  startNode,
  type TreeNode,
} from "../../tree/mod.ts";
import { cpuUs, nowNs, serve, usage } from "./child.bench.ts";
import { Samples } from "./figures.bench.ts";
import { type DriveOptions, Traffic } from "./traffic.bench.ts";

let node: TreeNode;
let traffic: Traffic;
const seqs = new Samples();
const arrivedNs = new Samples();
/** Not before they are requested: they would count as memory of the node. */
let areCollected = false;

const commands = {
  /** Starts the node with `flags`; its ports are chosen here. Returns its replication port and epoch. */
  async start(...flags: string[]) {
    const ports = ["--addr", "127.0.0.1:0", "--http-addr", "127.0.0.1:0"];
    const quiet = ["--feed", "none", "--log-level", "error"];
    const config = parseConfig({}, [...ports, ...quiet, ...flags], FLIGHTS_SETTINGS);
    node = await startNode(config, {
      listenHttp,
      listenHttp2,
      transport: createHttp2Transport().fetch,
      log: createLogger("error", Date.now, (record) => console.error(record)),
      program: createFlightsProgram(config) as unknown as NodeProgram,
    });
    if (node.machine !== undefined) {
      node.machine.add(["Start", "Ready"]);
      traffic = new Traffic(node.machine, () => node.clock.seq);
    }
    node.clock.onChange(() => {
      if (!areCollected) return;
      seqs.push(node.clock.seq);
      arrivedNs.push(nowNs());
    });
    return { port: node.addr.port, epoch: node.clock.epoch };
  },
  seq: () => node.clock.seq,
  cpuUs,
  usage,
  /** Only on the root. */
  drive: (options: DriveOptions) => traffic.drive(options),
  /** Only on the root: CPU time of a mutation in microseconds, the mean of `count` in one turn of the event loop. */
  burst(count: number) {
    const before = process.threadCpuUsage();
    for (let i = 0; i < count; i++) traffic.mutate();
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / count;
  },
  /** Every seq of the clock since the last call, with the time of its arrival; none in the first call. */
  arrivals() {
    areCollected = true;
    return { seqs: seqs.take(), arrivedNs: arrivedNs.take() };
  },
};

export type NodeCommands = typeof commands;

serve(commands);
