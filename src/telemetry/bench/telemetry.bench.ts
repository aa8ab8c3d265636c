/**
 * What telemetry costs a root: CPU time per transition, and memory per node.
 * `npm run bench:telemetry`, about 75 seconds; `-- --write` writes BENCH.md.
 *
 * Each row is a process: a machine with its source and a publisher with two downstreams that accept every
 * message, under random mutations of three states. `none` has no telemetry; the others export to a
 * collector in the bench's own process, which discards everything.
 */

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../runtime/node_flags.ts";
import { describeHost, publishPage, toTable } from "../../testing/bench_page.ts";

export type Mode = "none" | "metrics" | "all at 1 %" | "all at 100 %";

/** Results of one measured process. */
export interface Measured {
  /** CPU time per mutation with its auto transition, in microseconds; the least of all rounds. */
  readonly usPerTransition: number;
  /** Number of measured mutations. */
  readonly transitions: number;
  /** Resident memory of an idle node after a collection, in MB. */
  readonly idleMb: number;
  /** The same, of the process after its load. */
  readonly loadedMb: number;
}

const MODES: readonly Mode[] = ["none", "metrics", "all at 1 %", "all at 100 %"];
const RUNS = 2;
const LIMIT_US = 3;
const LIMIT_MB = 25;

const CHILD = fileURLToPath(new URL("./load_process.bench.ts", import.meta.url));

function measure(mode: Mode, endpoint: string): Promise<Measured> {
  const ratio = mode === "all at 100 %" ? "1" : "0.01";
  const child = spawn(process.execPath, ["--expose-gc", ...NODE_FLAGS, CHILD, mode], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    env: {
      ...process.env,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: ratio,
      OTEL_BSP_SCHEDULE_DELAY: "500",
      OTEL_EXPORTER_OTLP_ENDPOINT: mode.startsWith("all") ? endpoint : "",
      // At 100 % nothing may be dropped: dropped items cost less than sent ones.
      ...(ratio === "1" && {
        OTEL_BSP_MAX_QUEUE_SIZE: "500000",
        OTEL_BLRP_MAX_QUEUE_SIZE: "500000",
      }),
    },
  });
  return new Promise((resolve, reject) => {
    child.on("message", (measured) => resolve(measured as Measured));
    child.on("exit", (code) => reject(new Error(`The measured process ended with ${code}`)));
  });
}

const least = (values: readonly number[]) => Math.min(...values);

async function main(): Promise<void> {
  let bytes = 0;
  const sink = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on("end", () =>
      response.writeHead(200, { "content-type": "application/json" }).end("{}"),
    );
  });
  await new Promise<void>((resolve) => sink.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(sink.address() as AddressInfo).port}`;

  const rows = new Map<Mode, { us: number; idle: number; loaded: number; kb: number }>();
  for (const mode of MODES) {
    const runs: Measured[] = [];
    bytes = 0;
    for (let run = 0; run < RUNS; run++) runs.push(await measure(mode, endpoint));
    rows.set(mode, {
      us: least(runs.map(({ usPerTransition }) => usPerTransition)),
      idle: least(runs.map(({ idleMb }) => idleMb)),
      loaded: least(runs.map(({ loadedMb }) => loadedMb)),
      kb: bytes / 1024 / runs.reduce((sum, { transitions }) => sum + transitions, 0),
    });
  }
  sink.close();

  const none = rows.get("none")!;
  const more = (value: number, digits: number) => (value === 0 ? "" : value.toFixed(digits));
  const table = toTable(
    [
      "telemetry",
      "µs CPU per transition",
      "more than none",
      "MB idle",
      "more than none",
      "MB after load",
      "KB sent per transition",
    ],
    [...rows].map(([mode, { us, idle, loaded, kb }]) => [
      mode,
      us.toFixed(2),
      more(us - none.us, 2),
      idle.toFixed(1),
      more(idle - none.idle, 1),
      loaded.toFixed(1),
      kb.toFixed(3),
    ]),
  );
  const sampled = rows.get("all at 1 %")!;
  const usMore = sampled.us - none.us;
  const mbMore = sampled.idle - none.idle;
  publishPage(
    new URL("BENCH.md", import.meta.url),
    `# Cost of telemetry

\`npm run bench:telemetry\` prints this page; \`npm run bench:telemetry -- --write\` writes it. It takes about 75 seconds.
This run: ${describeHost()}, ${RUNS} processes per row.

${table}

All at 1 %: ${usMore.toFixed(2)} µs more per transition (limit: ${LIMIT_US}), ${mbMore.toFixed(1)} MB more per idle node (limit: ${LIMIT_MB}).

- Each row is a process: a root's machine with its source and a publisher with two downstreams that accept every message,
  under random mutations of three states. A transition here is one mutation with the auto transition that it causes.
- \`none\` has no telemetry; \`metrics\` counts, and is scraped each second; \`all\` also exports traces and logs over OTLP, of
  one trace in a hundred or of every trace, to a collector that discards everything.
- CPU time is that of the measured process, including batching, encoding, sending and scrapes. It is the least of
  the rounds of all processes: the round that other processes disturbed least.
- Memory is resident memory after a garbage collection: of an idle node with its HTTP and replication servers, and of
  the process after the load.
- At 100 % the queues are large enough that nothing is dropped, which costs memory but hides no work.`,
  );
  process.exitCode = usMore < LIMIT_US && mbMore < LIMIT_MB ? 0 : 1;
}

if (import.meta.main) await main();
