/** `npm start`: the whole tree on this machine, or one node if flags or `TST_…` variables describe it. */

import { setTimeout as sleep } from "node:timers/promises";
import {
  commandArguments,
  environment,
  exit,
  onStopSignal,
  writeErrorLine,
  writeLine,
} from "../runtime/node.ts";
import { ConfigError, defaultTree, settingsHelp, type TreePlace } from "../tree/mod.ts";
import { EXIT_FAILED, EXIT_UNUSABLE } from "./exit_codes.ts";
import { PROGRAM_SETTINGS } from "./node_program.ts";
import { findTakenPort, Supervisor } from "./supervisor.ts";
import { START_FLAGS_USAGE, START_USAGE } from "./usage.ts";

const HELP = `${START_USAGE}    runs the tree: 1 root, 2 relays, 6 leaves, one process each
${START_FLAGS_USAGE} FLAGS    runs one node; so does any of TST_ROLE, TST_NAME, TST_ADDR, TST_PARENT_ADDR, TST_HTTP_ADDR

${settingsHelp(PROGRAM_SETTINGS.settings)}

For the whole tree:
      TST_PORT_OFFSET: adds this number to all ports (197xx, 187xx), 0`;

/** Variables that make this process one node instead of the whole tree. */
const NODE_VARIABLES = ["TST_ROLE", "TST_NAME", "TST_ADDR", "TST_PARENT_ADDR", "TST_HTTP_ADDR"];

async function main(): Promise<void> {
  const args = commandArguments();
  if (args.includes("--help") || args.includes("-h")) {
    writeLine(HELP);
    return;
  }
  const env = environment();
  if (args.length > 0 || NODE_VARIABLES.some((name) => (env[name] ?? "") !== "")) {
    await import("./node.ts");
    return;
  }
  await runTree(env);
}

async function runTree(env: Record<string, string | undefined>): Promise<void> {
  const startedAt = performance.now();
  const places = defaultTree(portOffset(env));
  const taken = await findTakenPort(places);
  if (taken !== undefined) {
    writeErrorLine(
      `Cannot start the tree: port ${taken.port} (${taken.variable} of ${taken.name}) is taken by another program; end it, or move all ports with TST_PORT_OFFSET`,
    );
    exit(EXIT_UNUSABLE);
  }
  const supervisor = new Supervisor({
    places,
    // With the variables of a node, this file runs that node.
    script: new URL(import.meta.url),
    env,
    write: writeLine,
  });
  const stop = async (code: number) => {
    const clean = await supervisor.stop();
    if (!clean) writeErrorLine("Some nodes did not stop by themselves and were killed");
    exit(clean ? code : EXIT_FAILED);
  };
  onStopSignal(() => void stop(0));
  void supervisor.failed.then((reason) => {
    writeErrorLine(`Cannot run the tree: ${reason}`);
    void stop(EXIT_FAILED);
  });
  supervisor.start();
  await Promise.all(places.map(waitUntilReady));
  const isFlights = (env.TST_MACHINE ?? "") === "";
  for (const line of summary(places, performance.now() - startedAt, isFlights)) writeLine(line);
}

function portOffset(env: Record<string, string | undefined>): number {
  const text = env.TST_PORT_OFFSET ?? "";
  const offset = text === "" ? 0 : Number(text);
  // The highest port of the tree is 19708.
  if (!Number.isInteger(offset) || offset < -17_000 || offset > 65_535 - 19_708) {
    throw new ConfigError([
      `Cannot use TST_PORT_OFFSET: "${text}" is not a whole number from -17000 to 45827`,
    ]);
  }
  return offset;
}

async function waitUntilReady({ httpPort }: TreePlace): Promise<void> {
  for (;;) {
    const ready = await fetch(`http://127.0.0.1:${httpPort}/readyz`).then(
      async (response) => {
        await response.body?.cancel();
        return response.ok;
      },
      () => false,
    );
    if (ready) return;
    await sleep(100);
  }
}

function summary(places: readonly TreePlace[], tookMs: number, isFlights: boolean): string[] {
  const http = (index: number) => `http://127.0.0.1:${places[index]!.httpPort}`;
  return [
    "",
    `All ${places.length} nodes are ready after ${(tookMs / 1000).toFixed(1)} s:`,
    ...places.map(
      ({ name, role, port }, index) =>
        `  ${name.padEnd(8)}${role.padEnd(6)} ${http(index)}  replication 127.0.0.1:${port}`,
    ),
    "Try:",
    `  curl ${http(3)}/states`,
    ...(isFlights
      ? [
          `  curl -H 'accept: text/plain' '${http(8)}/states?prefix=Flight1'`,
          `  curl ${http(5)}/mutations -H 'content-type: application/json' -d '{"type":"add","states":["Flight1Delayed"]}'`,
        ]
      : [`  curl ${http(8)}/schema`]),
    "Ctrl-C stops all nodes.",
    "",
  ];
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  for (const problem of error.problems) writeErrorLine(problem);
  exit(EXIT_UNUSABLE);
}
