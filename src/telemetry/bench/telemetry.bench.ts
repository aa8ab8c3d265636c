/**
 * The cost of telemetry for a root: CPU time per transition, and memory per node.
 * `npm run bench:telemetry`, about two minutes.
 *
 * Each row is a separate process: a machine with its source and a publisher with two downstreams without
 * backpressure, under random mutations of three states. `none` has no telemetry; the others send to a collector
 * in this process, which keeps nothing. CPU time is only that of the measured process; it includes batching,
 * encoding, sending, and a scrape each second.
 */

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../runtime/node_flags.ts";

export type Mode = "none" | "metrics" | "all at 1 %" | "all at 100 %";

/** The result of a measured process. */
export interface Measured {
  /** CPU time per mutation, its auto transition included, in the fastest round, in microseconds. */
  readonly usPerTransition: number;
  readonly transitions: number;
  /** Resident memory of an idle node after a collection, in MB. */
  readonly idleMb: number;
  readonly loadedMb: number;
}

const MODES: readonly Mode[] = ["none", "metrics", "all at 1 %", "all at 100 %"];
const RUNS = 2;
const AIM_US = 3;
const AIM_MB = 25;

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
      // At 100 %, nothing may be dropped, as that would lower the cost.
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
  console.log(
    "| telemetry | µs CPU per transition | more than none | MB idle | more than none | MB after load | KB sent per transition |",
  );
  console.log("|---|--:|--:|--:|--:|--:|--:|");
  for (const [mode, { us, idle, loaded, kb }] of rows) {
    const more = (value: number, digits: number) => (mode === "none" ? "" : value.toFixed(digits));
    console.log(
      `| ${mode} | ${us.toFixed(2)} | ${more(us - none.us, 2)} | ${idle.toFixed(1)} | ${more(idle - none.idle, 1)} | ${loaded.toFixed(1)} | ${kb.toFixed(3)} |`,
    );
  }
  const sampled = rows.get("all at 1 %")!;
  const usMore = sampled.us - none.us;
  const mbMore = sampled.idle - none.idle;
  console.log(
    `\nAll at 1 %: ${usMore.toFixed(2)} µs per transition (aim: under ${AIM_US}), ${mbMore.toFixed(1)} MB per node (aim: under ${AIM_MB})`,
  );
  process.exitCode = usMore < AIM_US && mbMore < AIM_MB ? 0 : 1;
}

if (import.meta.main) await main();
