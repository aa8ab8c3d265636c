/**
 * The cost of replication, with the project's aims. `npm run bench:replication` takes about three minutes;
 * names of parts (`npm run bench:replication -- bytes latency`) run only those.
 *
 * All processes and sockets are real, on the loopback. Ratios and the CPU time of one process depend little
 * on the load of the machine; latencies do.
 */

import { cpus, loadavg } from "node:os";
import { measureBytes } from "./bytes.bench.ts";
import { measureCodec } from "./codec.bench.ts";
import { measureCutLink } from "./cut_link.bench.ts";
import { measureFanOut } from "./fan_out.bench.ts";
import { type Aim, aimRow, isMet, printTable } from "./figures.bench.ts";
import { measureHandlers } from "./handlers.bench.ts";
import { measureLatency } from "./latency.bench.ts";
import { measureMutations } from "./mutations.bench.ts";
import { SEED } from "./traffic.bench.ts";

const SECTIONS = {
  bytes: measureBytes,
  codec: async () => {
    measureCodec();
    return [];
  },
  handlers: async () => {
    measureHandlers();
    return [];
  },
  latency: measureLatency,
  fan_out: measureFanOut,
  mutations: measureMutations,
  cut_link: measureCutLink,
} satisfies Record<string, () => Promise<Aim[]>>;

async function main(): Promise<void> {
  const names = Object.keys(SECTIONS) as (keyof typeof SECTIONS)[];
  const asked = process.argv.slice(2);
  const unknown = asked.filter((name) => !names.includes(name as keyof typeof SECTIONS));
  if (unknown.length > 0) {
    console.error(`Cannot measure ${unknown.join(", ")}: there are ${names.join(", ")}`);
    process.exitCode = 2;
    return;
  }
  const cpu = `${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}`;
  const load = () => loadavg()[0]!.toFixed(2);
  const loadBefore = load();
  console.log(`Node.js ${process.versions.node}, ${cpu}, seed ${SEED}`);
  const aims: Aim[] = [];
  for (const name of names) {
    if (asked.length === 0 || asked.includes(name)) aims.push(...(await SECTIONS[name]()));
  }
  const met = aims.filter(isMet).length;
  printTable(
    `Aims: ${met} of ${aims.length} met`,
    ["aim", "value", "limit", "met"],
    aims.map(aimRow),
  );
  console.log(`Load average: ${loadBefore} before, ${load()} after.`);
}

await main();
