/** What replication costs, and whether that meets the project's aims: `BENCH.md` next to this file. */

import { loadavg } from "node:os";
import { describeHost, publishPage, toTable } from "../../testing/bench_page.ts";
import { measureBytes } from "./bytes.bench.ts";
import { measureCodec } from "./codec.bench.ts";
import { measureCutLink } from "./cut_link.bench.ts";
import { measureFanOut } from "./fan_out.bench.ts";
import { aimRow, isMet, type Part, section } from "./figures.bench.ts";
import { measureHandlers } from "./handlers.bench.ts";
import { measureLatency } from "./latency.bench.ts";
import { measureExecution, measureForwarding } from "./mutations.bench.ts";
import { SEED } from "./traffic.bench.ts";

const PARTS: Readonly<Record<string, () => Part | Promise<Part>>> = {
  latency: measureLatency,
  fan_out: measureFanOut,
  execution: measureExecution,
  forwarding: measureForwarding,
  cut_link: measureCutLink,
  bytes: measureBytes,
  codec: measureCodec,
  handlers: measureHandlers,
};

const INTRODUCTION = `\`npm run bench:replication\` prints this page in about three and a half minutes, and with \`-- --write\` writes it.
Names of parts (\`-- bytes latency\`) limit it to these: ${Object.keys(PARTS).join(", ")}.

All processes and sockets are real, on loopback, and share one machine. Next to the cost of a push is that of a
bare \`node:http2\` server that writes as many bytes in the same run; next to latencies, a bare TCP round trip at
the same time. Ratios, and CPU times of one process, depend little on the load of the machine; latencies do.`;

async function main(): Promise<void> {
  const names = Object.keys(PARTS);
  const args = process.argv.slice(2);
  const requested = args.filter((arg) => arg !== "--write");
  const unknown = requested.filter((name) => !names.includes(name));
  const fault =
    unknown.length > 0
      ? `Cannot measure ${unknown.join(", ")}: the parts are ${names.join(", ")}`
      : requested.length > 0 && requested.length < args.length
        ? "Cannot write the page: it has all parts, not only some"
        : undefined;
  if (fault !== undefined) {
    console.error(fault);
    process.exitCode = 2;
    return;
  }
  const load = () => loadavg()[0]!.toFixed(2);
  const loadBefore = load();
  const parts: Part[] = [];
  for (const name of requested.length > 0 ? requested : names) {
    console.error(`Measuring ${name} …`);
    parts.push(await PARTS[name]!());
  }
  const aims = parts.flatMap((part) => part.aims ?? []);
  const met = aims.filter(isMet).length;
  const page = [
    "# Speed of replication",
    INTRODUCTION,
    `${describeHost()}, seed ${SEED}, load average ${loadBefore} before and ${load()} after.`,
    section(
      `Aims: ${met} of ${aims.length} met`,
      toTable(["aim", "value", "limit", "met"], aims.map(aimRow)),
    ),
    ...parts.map(({ markdown }) => markdown),
  ];
  publishPage(new URL("BENCH.md", import.meta.url), page.join("\n\n"));
}

await main();
