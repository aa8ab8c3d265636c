/** The same node on Node.js, Deno and Bun: as a leaf, as an upstream, and when it stops. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { StateSourceService } from "../../gen/connect/statesource/v1/statesource_pb.js";
import { NODE_FLAGS } from "../runtime/node_flags.ts";
import { OtlpReceiver } from "./otlp_receiver.ts";
import { StockReplica } from "./stock_replica.ts";

const SCRIPT = fileURLToPath(new URL("../cli/node.ts", import.meta.url));

const OWN_MACHINE = fileURLToPath(new URL("own_machine.ts", import.meta.url));
const DOOR = fileURLToPath(new URL("../cli/testdata/door.ts", import.meta.url));
const NO_MACHINE = fileURLToPath(new URL("../cli/exit_codes.ts", import.meta.url));

const PIPELINED = fileURLToPath(new URL("pipelined_requests.ts", import.meta.url));

const COMMANDS = {
  "Node.js": [process.execPath, ...NODE_FLAGS, SCRIPT],
  Deno: [
    ...["deno", "run", `--v8-flags=${NODE_FLAGS}`],
    ...["--no-config", "--node-modules-dir=manual", "-A", SCRIPT],
  ],
  Bun: ["bun", SCRIPT],
} as const;

const TRACE_IDS: Readonly<Record<string, string>> = {
  "Node.js": "1".repeat(32),
  Deno: "2".repeat(32),
  Bun: "3".repeat(32),
};

interface RunningNode {
  readonly child: ChildProcess;
  readonly replication: string;
  readonly http: string;
}

const children: ChildProcess[] = [];

/** Starts a node on free ports and reads from its log where it listens. */
function startNode(command: readonly string[], env: Record<string, string>): Promise<RunningNode> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, {
    env: {
      ...process.env,
      TST_ADDR: "127.0.0.1:0",
      TST_HTTP_ADDR: "127.0.0.1:0",
      TST_FEED: "none",
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return new Promise((resolve, reject) => {
    const output: string[] = [];
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface({ input: stream }).on("line", (line) => {
        output.push(line);
        const match = /node started .*replication=(\S+) http=(\S+)/.exec(line);
        if (match !== null) resolve({ child, replication: match[1]!, http: match[2]! });
      });
    }
    child.once("error", reject);
    child.once("exit", (code) =>
      reject(new Error(`The node ended with code ${code}:\n${output.join("\n")}`)),
    );
  });
}

function stop(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("exit", resolve);
    child.kill("SIGTERM");
  });
}

/** Sends GET requests until the response is 200: a node that has just started has no clock yet. */
async function getWhenReady(url: string): Promise<Response> {
  for (;;) {
    const response = await fetch(url);
    if (response.status === 200) return response;
    await response.body?.cancel();
  }
}

let root: RunningNode;
let receiver: OtlpReceiver;

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  root = await startNode(COMMANDS["Node.js"], {});
});

afterAll(async () => {
  for (const child of children) child.kill("SIGKILL");
  await receiver.close();
});

describe.each(Object.entries(COMMANDS))("A node on %s", (name, command) => {
  it("follows the root, forwards a mutation, serves another node, and stops in time", async () => {
    const leaf = await startNode(command, {
      TST_NAME: `leaf-on-${name}`,
      TST_PARENT_ADDR: root.replication,
    });
    const below = await startNode(COMMANDS["Node.js"], {
      TST_NAME: `below-${name}`,
      TST_PARENT_ADDR: leaf.replication,
    });
    await getWhenReady(`http://${leaf.http}/states`);
    await getWhenReady(`http://${below.http}/states`);

    const state =
      name === "Deno" ? "Flight2Delayed" : name === "Bun" ? "Flight3Delayed" : "Flight1Delayed";
    const response = await fetch(`http://${leaf.http}/mutations`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        traceparent: `00-${TRACE_IDS[name]}-${"b".repeat(16)}-01`,
      },
      body: JSON.stringify({ type: "add", states: [state] }),
    });
    const { result, version } = (await response.json()) as { result: string; version: string };
    expect(result).toBe("executed");

    for (const node of [root, leaf, below]) {
      const response = await fetch(`http://${node.http}/states?min-version=${version}&wait=10000`);
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({
        version,
        states: expect.arrayContaining([state]),
      });
    }
    const metrics = await (await fetch(`http://${leaf.http}/metrics`)).text();
    for (const metric of ["replication_lag_count", "process_memory_usage", "v8js_memory_heap_used"])
      expect(metrics).toMatch(new RegExp(`^${metric}\\{.*service_instance_id="leaf-on-`, "m"));
    expect(await stop(below.child)).toBe(0);
    const startedAt = performance.now();
    expect(await stop(leaf.child)).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(5_000);

    expect(receiver.errors).toEqual([]);
    const spans = receiver.spans.filter(
      ({ traceId, resource }) =>
        traceId === TRACE_IDS[name] && resource["service.instance.id"] === `leaf-on-${name}`,
    );
    expect(spans.map((span) => `${span.kind} ${span.name}`).toSorted()).toEqual([
      "CLIENT statesource.v1.StateSourceService/Mutate",
      "CONSUMER apply flights",
      "PRODUCER publish flights",
      "SERVER POST /mutations",
    ]);
    const records = receiver.logs.filter(
      ({ resource }) => resource["service.instance.id"] === `leaf-on-${name}`,
    );
    const events = records.map(({ eventName }) => eventName);
    expect(events).toEqual(
      expect.arrayContaining(["node.started", "diff.applied", "node.stopped"]),
    );
  });

  it("serves a stock Connect client on both of its ports, and frees its place", async () => {
    const leaf = await startNode(command, {
      TST_NAME: `followed-on-${name}`,
      TST_PARENT_ADDR: root.replication,
      TST_HEARTBEAT_INTERVAL_MS: "50",
    });
    await getWhenReady(`http://${leaf.http}/states`);
    const transports = [
      createConnectTransport({ baseUrl: `http://${leaf.replication}`, httpVersion: "2" }),
      createConnectTransport({ baseUrl: `http://${leaf.http}`, httpVersion: "1.1" }),
    ];
    for (const transport of transports) {
      const abort = new AbortController();
      const stream = createClient(StateSourceService, transport).subscribe(
        { name: "stock" },
        { signal: abort.signal },
      );
      const replica = new StockReplica();
      const kinds: string[] = [];
      for await (const message of stream) {
        kinds.push(replica.apply(message));
        if (kinds.length === 3) break;
      }
      expect(kinds[0]).toBe("start");
      expect(replica.names).toHaveLength(149);
      expect(await downstreamsOf(leaf)).toEqual(["stock"]);
      abort.abort();
      while ((await downstreamsOf(leaf)).length > 0);
    }
    expect(await stop(leaf.child)).toBe(0);
  });
});

describe.each([
  ["Node.js", "node"],
  ["Deno", "deno"],
  ["Bun", "bun"],
] as const)("A machine of one's own on %s", (name, file) => {
  it("is the root of a tree in one process, by startNode()", async () => {
    const [program, ...args] = COMMANDS[name];
    const child = spawn(program, [...args.slice(0, -1), OWN_MACHINE, file]);
    children.push(child);
    expect(JSON.parse(await text(child.stdout))).toEqual({
      machine: "door",
      states: ["Open"],
      hasMetrics: true,
      refused: "TypeError",
    });
  });

  it("is what `--machine` runs, and a leaf of the default command follows", async () => {
    const root = await startNode(COMMANDS[name], { TST_MACHINE: DOOR });
    const leaf = await startNode(COMMANDS["Node.js"], {
      TST_NAME: `leaf-of-door-on-${name}`,
      TST_PARENT_ADDR: root.replication,
    });
    const states = await getWhenReady(`http://${leaf.http}/states`);
    expect(await states.json()).toMatchObject({ machine: "door" });
    expect(await stop(leaf.child)).toBe(0);
    expect(await stop(root.child)).toBe(0);
  });

  it("ends with one line and exit code 2 if its module makes none", async () => {
    const [program, ...args] = COMMANDS[name];
    const child = spawn(program, [...args, "--machine", NO_MACHINE]);
    children.push(child);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    expect(await text(child.stderr)).toBe(
      `Cannot use the machine of "${NO_MACHINE}": it has no default export: a machine, or a function that returns one\n`,
    );
    expect(await ended).toBe(2);
  });
});

describe("listenHttp()", () => {
  it.each([
    ["Node.js", "node", { most: 16, inOrder: 100 }],
    ["Deno", "deno", { most: 1, inOrder: 100 }],
    // Closes a connection that sends a request before the response to the last one.
    ["Bun", "bun", { most: 1, inOrder: 0 }],
  ] as const)("bounds the pipelined requests of a connection on %s", async (name, file, result) => {
    const [program, ...args] = COMMANDS[name];
    const child = spawn(program, [...args.slice(0, -1), PIPELINED, file]);
    children.push(child);
    expect(JSON.parse(await text(child.stdout))).toEqual(result);
  });
});

async function downstreamsOf(node: RunningNode): Promise<string[]> {
  const topology = (await (await fetch(`http://${node.http}/topology`)).json()) as {
    downstreams: { name: string }[];
  };
  return topology.downstreams.map(({ name }) => name);
}
