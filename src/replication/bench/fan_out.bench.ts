/** What a push costs a root with few and with many downstreams, next to a server that only writes. */

import { toTable } from "../../testing/bench_page.ts";
import { encodeEnvelope } from "../wire/connect.ts";
import { encodeSubscribeRequest } from "../wire/message_codec.ts";
import type { BareCommands } from "./bare_process.bench.ts";
import { type Child, startChild, type Usage } from "./child.bench.ts";
import { median, type Part, section } from "./figures.bench.ts";
import type { NodeCommands } from "./node_process.bench.ts";
import type { ReadersCommands } from "./readers_process.bench.ts";

const ROUNDS = 5;
const ROUND_MS = 1_200;
const FLOOD_MS = 2_000;
const WARM_UP_MS = 1_500;

interface Size {
  readonly connections: number;
  readonly streams: number;
  /** Rounds of pushes per second, so many that the root is half idle. */
  readonly perSecond: number;
}

const SIZES: readonly Size[] = [
  { connections: 1, streams: 1, perSecond: 400 },
  { connections: 10, streams: 1, perSecond: 400 },
  { connections: 100, streams: 1, perSecond: 150 },
  { connections: 1_000, streams: 1, perSecond: 20 },
  { connections: 100, streams: 10, perSecond: 20 },
];

/** One server with its readers. */
interface Side {
  readonly server: Child<NodeCommands> | Child<BareCommands>;
  readonly readers: Child<ReadersCommands>;
  readonly idle: Usage;
  readonly joined: Usage;
  readonly joinBytes: number;
  received: { readonly frames: number; readonly bytes: number };
}

/** The request of all readers: the whole clock, from the beginning. */
export const REQUEST = encodeEnvelope(
  encodeSubscribeRequest({ name: "reader", epoch: "", seq: 0, schemaHash: "" }),
);

export function startReaders(): Child<ReadersCommands> {
  return startChild<ReadersCommands>("readers_process.bench.ts", "readers");
}

async function startSide(
  server: Child<NodeCommands> | Child<BareCommands>,
  port: number,
  { connections, streams }: Size,
): Promise<Side> {
  const readers = startReaders();
  const idle = await server.call.usage();
  const joinBytes = await readers.call.open(port, REQUEST, connections, streams);
  return {
    server,
    readers,
    idle,
    joined: await server.call.usage(),
    joinBytes,
    received: await readers.call.reach(0),
  };
}

interface Round {
  readonly pushes: number;
  readonly cpuUs: number;
  readonly bytesPerPush: number;
}

/** Calls `push`, and waits until all that it sent is read. */
async function round(side: Side, push: () => Promise<number>): Promise<Round> {
  const beforeUs = await side.server.call.cpuUs();
  const seq = await push();
  const received = await side.readers.call.reach(seq);
  const afterUs = await side.server.call.cpuUs();
  const pushes = received.frames - side.received.frames;
  const bytesPerPush = (received.bytes - side.received.bytes) / pushes;
  side.received = received;
  return { pushes, cpuUs: afterUs - beforeUs, bytesPerPush };
}

interface Result {
  readonly size: Size;
  readonly cpuUs: number;
  readonly bareCpuUs: number;
  readonly pushesPerSecond: number;
  readonly barePushesPerSecond: number;
  readonly root: Side;
  readonly bare: Side;
  readonly rootEnd: Usage;
  readonly bareEnd: Usage;
  readonly bytesPerPush: number;
}

async function measureSize(size: Size): Promise<Result> {
  const { perSecond } = size;
  const rootChild = startChild<NodeCommands>("node_process.bench.ts");
  const bareChild = startChild<BareCommands>("bare_process.bench.ts");
  // The interval is long, so that the heartbeats of a waiting root do not disturb the other one.
  const { port } = await rootChild.call.start("--heartbeat-interval-ms", "20000");
  const { port: barePort } = await bareChild.call.start();
  const root = await startSide(rootChild, port, size);
  const bare = await startSide(bareChild, barePort, size);
  const drive = (rate: number, durationMs: number) => async () => {
    await rootChild.call.drive({ perSecond: rate, durationMs });
    return rootChild.call.seq();
  };
  const rounds: Round[] = [];
  const bareRounds: Round[] = [];
  // Warm up at full speed: all hot code gets compiled.
  await round(root, drive(Number.POSITIVE_INFINITY, WARM_UP_MS));
  await round(bare, () => bareChild.call.flood(32, WARM_UP_MS));
  for (let i = 0; i < ROUNDS; i++) {
    rounds.push(await round(root, drive(perSecond, ROUND_MS)));
    const bytes = Math.round(rounds.at(-1)!.bytesPerPush) - 9;
    bareRounds.push(await round(bare, () => bareChild.call.push(bytes, perSecond, ROUND_MS)));
  }
  const bytesPerPush = median(rounds.map((one) => one.bytesPerPush));
  const flood = await round(root, drive(Number.POSITIVE_INFINITY, FLOOD_MS));
  const bareFlood = await round(bare, () =>
    bareChild.call.flood(Math.round(bytesPerPush) - 9, FLOOD_MS),
  );
  const cost = (all: readonly Round[]) => median(all.map(({ cpuUs, pushes }) => cpuUs / pushes));
  const result = {
    size,
    cpuUs: cost(rounds),
    bareCpuUs: cost(bareRounds),
    pushesPerSecond: (flood.pushes * 1_000) / FLOOD_MS,
    barePushesPerSecond: (bareFlood.pushes * 1_000) / FLOOD_MS,
    root,
    bare,
    rootEnd: await rootChild.call.usage(),
    bareEnd: await bareChild.call.usage(),
    bytesPerPush,
  };
  const children = [rootChild, bareChild, root.readers, bare.readers];
  await Promise.all(children.map((child) => child.stop()));
  return result;
}

const MB = 1_048_576;

function costRow({ size, cpuUs, bareCpuUs, pushesPerSecond, ...rest }: Result): string[] {
  const count = (value: number) => Math.round(value).toLocaleString("en");
  return [
    sizeText(size),
    String(size.perSecond),
    cpuUs.toFixed(1),
    bareCpuUs.toFixed(1),
    (cpuUs / bareCpuUs).toFixed(2),
    count(pushesPerSecond),
    count(rest.barePushesPerSecond),
    rest.bytesPerPush.toFixed(1),
  ];
}

function memoryRow({ size, root, bare, rootEnd, bareEnd }: Result): string[] {
  const downstreams = size.connections * size.streams;
  const kB = (after: number, before: number) => ((after - before) / 1_024 / downstreams).toFixed(1);
  const few = downstreams < 100;
  return [
    sizeText(size),
    (rootEnd.rssBytes / MB).toFixed(0),
    (bareEnd.rssBytes / MB).toFixed(0),
    (rootEnd.heapBytes / MB).toFixed(1),
    (bareEnd.heapBytes / MB).toFixed(1),
    few ? "" : kB(root.joined.heapBytes, root.idle.heapBytes),
    few ? "" : kB(bare.joined.heapBytes, bare.idle.heapBytes),
    few ? "" : kB(root.joined.rssBytes, root.idle.rssBytes),
    few ? "" : kB(bare.joined.rssBytes, bare.idle.rssBytes),
  ];
}

function sizeText({ connections, streams }: Size): string {
  const count = (connections * streams).toLocaleString("en");
  return streams === 1 ? count : `${count}, ${streams} on a connection`;
}

export async function measureFanOut(): Promise<Part> {
  const results: Result[] = [];
  for (const size of SIZES) results.push(await measureSize(size));
  const thousand = results.find(({ size }) => size.connections === 1_000)!;
  const pushHead = ["mutations/s", "µs", "bare µs", "ratio", "max/s", "bare max/s", "bytes"];
  const memoryHead = ["RSS MB", "heap MB", "heap kB each", "RSS kB each"];
  return {
    aims: [
      {
        what: "push to 1,000 downstreams, CPU",
        value: thousand.cpuUs,
        unit: "µs",
        digits: 1,
        limit: 20,
        is: "most",
      },
    ],
    markdown: [
      section(
        "Cost of a push",
        `CPU time of the root for a push to one downstream, and of a bare \`node:http2\` server that writes as many
bytes; the median of ${ROUNDS} rounds, which alternate between the two:`,
        toTable(["downstreams", ...pushHead], results.map(costRow)),
        `"Max" is pushes per second when mutations come as fast as possible; a root pushes at most 4,000 to each
downstream. "Bytes" are received per push, with all that HTTP/2 adds, of clocks that have run for a while. A
join with the schema takes ${results[0]!.root.joinBytes} bytes. The cost of the bare server varies by up to a third from run to run.`,
      ),
      section(
        "Memory of the root",
        "Next to that of the bare server:",
        toTable(
          ["downstreams", ...memoryHead.flatMap((cell) => [cell, "bare"])],
          results.map(memoryRow),
        ),
        `"Each" is the growth from no downstream to all, divided by their number, after a garbage collection.`,
      ),
    ].join("\n\n"),
  };
}
