/**
 * `npm run soak -- MINUTES`: the default tree under load and faults. The random feed makes 200
 * mutations a second, and five more a second arrive at the leaves; every ten seconds a random node
 * is killed, stopped in order, or paused. Every response of every node is compared with what the root
 * had at that version. Exit code 0 if nothing was wrong, all nodes are equal at the end, and the memory of
 * no long-lived node kept growing.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { EXIT_FAILED, EXIT_UNUSABLE } from "../../cli/exit_codes.ts";
import { Supervisor } from "../../cli/supervisor.ts";
import {
  commandArguments,
  environment,
  exit,
  onStopSignal,
  writeLine,
} from "../../runtime/node.ts";
import { defaultTree } from "../../tree/mod.ts";
import { MutationLoad, RootRecord } from "../faults/mod.ts";
import { grows, MemoryLog } from "./memory.ts";
import { ReplicaWatch } from "./replica_watch.ts";

const FAULT_INTERVAL_MS = 10_000;
const ASK_INTERVAL_MS = 250;
const SAMPLE_INTERVAL_MS = 10_000;
/** Without faults before the end, so that all nodes can catch up. */
const QUIET_MS = 20_000;
/** Within which each node must reach the root's version at the end. */
const CATCH_UP_MS = 5_000;
/** Paused at times but never ended, so that their memory is measured over the whole time. */
const NEVER_ENDED = new Set(["rep-2", "rep-2-3"]);

const minutes = Number(commandArguments()[0] ?? "60");
if (!(minutes > 0)) {
  writeLine(`Cannot soak for ${minutes} minutes: give a number above 0, as in npm run soak -- 60`);
  exit(EXIT_UNUSABLE);
}
const durationMs = minutes * 60_000;
const portOffset = Number(environment().TST_PORT_OFFSET ?? 0);
const places = defaultTree(portOffset);
const urlOf = (httpPort: number) => `http://127.0.0.1:${httpPort}`;
const logLines: string[] = [];
const supervisor = new Supervisor({
  places,
  script: new URL("../../cli/node.ts", import.meta.url),
  env: {
    ...environment(),
    TST_FEED: "random",
    TST_MUTATION_INTERVAL_MS: "5",
    TST_LOG_LEVEL: "warn",
  },
  write(line) {
    if (/ ERROR /.test(line)) logLines.push(line);
  },
});
const record = new RootRecord(urlOf(places[0]!.httpPort));
const watches = places
  .slice(1)
  .map(({ name, httpPort }) => new ReplicaWatch(name, urlOf(httpPort), record));
const memory = new MemoryLog();
const faults = new Map<string, number>();
const ended = new AbortController();
const startedAtMs = performance.now();
const elapsedMs = () => performance.now() - startedAtMs;
const leaves = watches.filter(({ name }) => name.includes("-1-") || name.includes("-2-"));
const load = new MutationLoad(() => leaves, { concurrency: 5, paceMs: 1_000 });

/** Calls `run` every `intervalMs` until the end, one call at a time. */
async function every(intervalMs: number, run: () => Promise<void> | void): Promise<void> {
  while (!ended.signal.aborted) {
    const atMs = performance.now();
    await run();
    await sleep(Math.max(1, intervalMs - (performance.now() - atMs)));
  }
}

function count(fault: string): void {
  faults.set(fault, (faults.get(fault) ?? 0) + 1);
}

async function makeFault(): Promise<void> {
  if (elapsedMs() > durationMs - QUIET_MS || elapsedMs() < 5_000) return;
  const { name } = places[Math.floor(Math.random() * places.length)]!;
  const pid = supervisor.pids.get(name);
  if (pid === undefined) return;
  // The last life of the root has to be long enough to show how its memory develops.
  const mayEnd = !NEVER_ENDED.has(name) && !(name === "root" && elapsedMs() > durationMs / 3);
  const kind = mayEnd ? Math.random() : 1;
  try {
    if (kind < 0.25) {
      process.kill(pid, "SIGKILL");
      count("killed");
    } else if (kind < 0.4) {
      process.kill(pid, "SIGTERM");
      count("stopped in order");
    } else {
      const stillMs = 200 + Math.random() ** 2 * 15_000;
      process.kill(pid, "SIGSTOP");
      count(stillMs > 1_500 ? "paused until their links were lost" : "paused for less");
      setTimeout(() => {
        try {
          process.kill(pid, "SIGCONT");
        } catch {
          // It has ended.
        }
      }, stillMs);
    }
  } catch {
    // It has ended by itself.
  }
}

function sampleMemory(): Promise<void> {
  const processes = places.flatMap(({ name, httpPort }) => {
    const pid = supervisor.pids.get(name);
    return pid === undefined ? [] : [{ node: name, pid, url: urlOf(httpPort) }];
  });
  return memory.sample(processes, performance.now());
}

/** Notices new processes, and requests the clock of each node. */
const pidsBefore = new Map<string, number>();
async function askAll(): Promise<void> {
  for (const watch of watches) {
    const pid = supervisor.pids.get(watch.name) ?? 0;
    if (pid !== pidsBefore.get(watch.name)) watch.restarted();
    pidsBefore.set(watch.name, pid);
  }
  // A paused node must not delay the requests to the others.
  for (const watch of watches) {
    if (asking.has(watch)) continue;
    asking.add(watch);
    void watch.ask().finally(() => asking.delete(watch));
  }
}
const asking = new Set<ReplicaWatch>();

/** Checks that each node reaches the root's current version, with the root's states. */
async function compareAtEnd(): Promise<string[]> {
  const problems: string[] = [];
  const { version } = (await (await fetch(`${record.url}/states`)).json()) as { version: string };
  for (const watch of watches) {
    const url = `${watch.url}/states?min-version=${version}&wait=${CATCH_UP_MS}`;
    const response = await fetch(url);
    if (!response.ok) problems.push(`${watch.name} at the end: ${await response.text()}`);
    const before = watch.counts.equal;
    for (let i = 0; i < 20 && watch.counts.equal === before; i++) await watch.ask();
    if (watch.counts.equal === before) problems.push(`${watch.name} shows no version of the root`);
  }
  return problems;
}

const inMib = (values: readonly number[]) =>
  values.map((value) => value.toFixed(1).padStart(6)).join("");

function report(problems: readonly string[]): void {
  const sum = (key: keyof ReplicaWatch["counts"]) =>
    watches.reduce((total, { counts }) => total + counts[key], 0);
  writeLine(`Minutes: ${(elapsedMs() / 60_000).toFixed(1)}; lives of the root: ${record.epochs}`);
  writeLine(`Faults: ${[...faults].map(([kind, times]) => `${times} ${kind}`).join(", ")}`);
  writeLine(
    `Responses: ${sum("responses")}, of which ${sum("equal")} equal to the root at their version, ${sum("unknown")} at versions not recorded; unreachable ${sum("unreachable")}, no clock yet ${sum("notYet")}`,
  );
  writeLine(
    `Oldest response, ms: ${watches.map(({ name, counts }) => `${name} ${counts.oldestMs}`).join(", ")}`,
  );
  writeLine(`At leaves, ${load.describe()}`);
  writeLine(
    "Memory in the longest life of each node, from two minutes after its start, by quarters, MiB:",
  );
  for (const { node, minutes: lived, resident, heap } of memory.growth()) {
    writeLine(
      `  ${node.padEnd(8)} ${lived.toFixed(0).padStart(3)} min  resident, mean ${inMib(resident)}  heap, minimum ${inMib(heap)}`,
    );
  }
  writeLine(`Errors in logs: ${logLines.length}`);
  for (const line of logLines.slice(0, 20)) writeLine(`  ${line}`);
  writeLine(`Violations: ${problems.length}`);
  for (const problem of problems.slice(0, 50)) writeLine(`  ${problem}`);
}

onStopSignal(() => ended.abort());
supervisor.start();
const following = record.follow(ended.signal);
void every(ASK_INTERVAL_MS, askAll);
void every(FAULT_INTERVAL_MS, makeFault);
void every(SAMPLE_INTERVAL_MS, () => sampleMemory());
const loadEnded = new AbortController();
const loading = load.run(loadEnded.signal);
const progress = setInterval(() => {
  const wrong = watches.reduce((total, { violations }) => total + violations.length, 0);
  writeLine(`${(elapsedMs() / 60_000).toFixed(0)} min: ${record.version}, violations ${wrong}`);
}, 60_000);
await new Promise<void>((resolve) => {
  const timer = setTimeout(resolve, durationMs);
  ended.signal.addEventListener("abort", () => {
    clearTimeout(timer);
    resolve();
  });
});
clearInterval(progress);
loadEnded.abort();
await loading;
const problems = ended.signal.aborted ? [] : await compareAtEnd();
ended.abort();
await following;
const clean = await supervisor.stop();
if (!clean) problems.push("a node did not stop by itself");
for (const growth of memory.growth().filter(grows)) {
  problems.push(`${growth.node} kept taking more memory: ${inMib(growth.resident)} MiB`);
}
problems.push(...load.problems(), ...watches.flatMap(({ violations }) => violations));
report(problems);
exit(problems.length === 0 ? 0 : EXIT_FAILED);
