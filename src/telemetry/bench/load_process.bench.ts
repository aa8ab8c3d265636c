/** A measured process of `telemetry.bench.ts`: a root under load, with one mode of telemetry. */

import { createFlightsProgram, FLIGHTS_SETTINGS } from "../../cli/flights_root.ts";
import { schema, stateNames } from "../../flights/mod.ts";
import { createMachine, type Machine } from "../../machine/mod.ts";
import { createSource, Publisher, systemTime } from "../../replication/mod.ts";
import {
  createHttp2Transport,
  createProcessMeter,
  listenHttp,
  listenHttp2,
} from "../../runtime/node.ts";
import { createLogger, parseConfig, startNode } from "../../tree/mod.ts";
import { MetricSet, NodeTelemetry } from "../mod.ts";
import type { TelemetryBackend } from "../setup.ts";
import type { Measured, Mode } from "./telemetry.bench.ts";

const mode = process.argv[2] as Mode;
const IDLE_MS = 1_500;
const ROUNDS = 5;
/** Mutations per turn of the event loop, as on a busy root. */
const TURN = 20;
/** Time in which queued items are sent. */
const DRAIN_MS = mode.startsWith("all") ? 1_500 : 100;
const TURNS = mode === "all at 100 %" ? 200 : 3_000;

function collect(): void {
  for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.();
}

async function settle(): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  collect();
  return process.memoryUsage.rss() / 1e6;
}

async function start(): Promise<TelemetryBackend | undefined> {
  if (mode === "none") return undefined;
  // Imported only here: the loaded code is part of the cost.
  const { startTelemetry } = await import("../setup.ts");
  return await startTelemetry({
    env: process.env,
    node: { name: "root", role: "root", version: "0", parents: [] },
    meter: createProcessMeter(),
    onProblem: (message, fields) => console.error(message, fields),
  });
}

const backend = await start();
const log = createLogger("info", Date.now, (record) => backend?.emitLog(record));

/** Returns the memory of a complete node after its start. */
async function measureIdle(): Promise<number> {
  const env = { TST_ADDR: "127.0.0.1:0", TST_HTTP_ADDR: "127.0.0.1:0", TST_FEED: "none" };
  const transport = createHttp2Transport();
  const config = parseConfig(env, [], FLIGHTS_SETTINGS);
  const node = await startNode(config, {
    listenHttp,
    listenHttp2,
    transport: transport.fetch,
    log,
    telemetry: backend,
    program: createFlightsProgram(config),
  });
  backend?.renderMetrics();
  const mb = await settle();
  await node.close();
  await transport.close();
  return mb;
}

function createLoad(): () => void {
  const machine = createMachine(schema, {
    id: "flights",
    states: stateNames,
  }) as unknown as Machine;
  const telemetry =
    backend &&
    new NodeTelemetry({
      // A new set: the node before has added its metrics to the backend's.
      backend: { ...backend, metrics: new MetricSet() },
      log,
      time: systemTime,
      machineId: "flights",
    });
  const tracer = telemetry?.createMachineTelemetry();
  const source = createSource(machine, tracer && { tracer });
  tracer?.follow(machine, source.clock);
  const publisher = new Publisher(source.clock, {
    name: "root",
    machineId: "flights",
    ...(telemetry && { tracer: telemetry.replication.downstream }),
  });
  telemetry?.followClock(source.clock, () => 0, publisher);
  for (const name of ["rep-1", "rep-2"]) {
    publisher.subscribe(
      { name, epoch: "", seq: 0, schemaHash: "", selection: undefined },
      { write: () => true, close() {}, abort() {} },
    );
  }
  machine.add("Start");
  let state = 20_010_629;
  const random = () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return stateNames[state % stateNames.length]!;
  };
  const triples = Array.from({ length: 1 << 12 }, () => [random(), random(), random()]);
  let i = 0;
  return () => {
    machine.add(triples[i++ & 4095]!);
    if (machine.is("Exception")) machine.remove("Exception");
  };
}

/** Returns the CPU time per mutation of one round, in microseconds. */
async function round(mutate: () => void): Promise<number> {
  const before = process.cpuUsage();
  let scrapedAtMs = performance.now();
  for (let turn = 0; turn < TURNS; turn++) {
    for (let i = 0; i < TURN; i++) mutate();
    await new Promise((resolve) => setImmediate(resolve));
    if (performance.now() - scrapedAtMs < 1_000) continue;
    scrapedAtMs = performance.now();
    backend?.renderMetrics();
  }
  await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / (TURN * TURNS);
}

const idleMb = await measureIdle();
const mutate = createLoad();
for (let i = 0; i < 20_000; i++) mutate();
await new Promise((resolve) => setTimeout(resolve, DRAIN_MS));
const rounds: number[] = [];
for (let i = 0; i < ROUNDS; i++) rounds.push(await round(mutate));
const loadedMb = await settle();
const measured: Measured = {
  usPerTransition: Math.min(...rounds),
  transitions: TURN * TURNS * rounds.length,
  idleMb,
  loadedMb,
};
process.send?.(measured);
await backend?.shutdown();
process.exit(0);
