/** Runs the nodes of a tree as child processes: prefixed output, restart of what dies, an end without leftovers. */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { NODE_FLAGS } from "../runtime/node_flags.ts";
import { environmentOf, type TreePlace } from "../tree/mod.ts";
import { EXIT_UNUSABLE } from "./exit_codes.ts";

export interface SupervisorOptions {
  readonly places: readonly TreePlace[];
  /** The script that runs one node. */
  readonly script: URL;
  /** Variables that every node gets besides its own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes one line of output, already prefixed. */
  readonly write: (line: string) => void;
}

/** Least and longest wait before a node that died is started again. */
const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 5_000;
/** A node that lived this long is restarted without a longer wait. */
const STABLE_MS = 10_000;
/** What a node may take to stop before it is killed; a stop must be over within 2 s. */
const STOP_MS = 1_500;
/** How long a node may wait for what is under way, unless the environment says otherwise. */
const DRAIN_MS = 1_000;

/** A running tree. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #children = new Map<string, ChildProcess>();
  readonly #restarts = new Set<NodeJS.Timeout>();
  readonly #failed = Promise.withResolvers<string>();
  #stopping = false;
  #killed = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Resolves with the reason when a node can never run as configured. */
  get failed(): Promise<string> {
    return this.#failed.promise;
  }

  /** Process id of each running node. */
  get pids(): ReadonlyMap<string, number> {
    return new Map([...this.#children].map(([name, child]) => [name, child.pid ?? 0]));
  }

  start(): void {
    for (const place of this.#options.places) this.#spawn(place, RESTART_MIN_MS);
  }

  /** Stops every node. Resolves to whether all of them ended by themselves. */
  async stop(): Promise<boolean> {
    this.#stopping = true;
    for (const timer of this.#restarts) clearTimeout(timer);
    const children = [...this.#children.values()];
    const ended = children.map(
      (child) => new Promise<void>((done) => child.once("close", () => done())),
    );
    for (const child of children) child.kill("SIGTERM");
    const timer = setTimeout(() => {
      for (const child of this.#children.values()) {
        this.#killed++;
        child.kill("SIGKILL");
      }
    }, STOP_MS);
    await Promise.all(ended);
    clearTimeout(timer);
    return this.#killed === 0;
  }

  #spawn(place: TreePlace, backoffMs: number): void {
    const startedAt = performance.now();
    // The IPC channel is there so that a node notices when its supervisor is gone.
    const child = spawn(process.execPath, [...NODE_FLAGS, this.#options.script.pathname], {
      env: { TST_DRAIN_MS: `${DRAIN_MS}`, ...this.#options.env, ...environmentOf(place) },
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#children.set(place.name, child);
    let lastError = "";
    createInterface({ input: child.stdout! }).on("line", (line) => this.#print(place, line));
    createInterface({ input: child.stderr! }).on("line", (line) => {
      lastError = line;
      this.#print(place, line);
    });
    child.once("close", (code, signal) => {
      this.#children.delete(place.name);
      if (this.#stopping) return;
      if (code === EXIT_UNUSABLE) {
        this.#failed.resolve(`${place.name}: ${lastError}`);
        return;
      }
      const waitMs = performance.now() - startedAt > STABLE_MS ? RESTART_MIN_MS : backoffMs;
      this.#print(place, `ended (${signal ?? `exit code ${code}`}), starts again in ${waitMs} ms`);
      const timer = setTimeout(() => {
        this.#restarts.delete(timer);
        this.#spawn(place, Math.min(waitMs * 2, RESTART_MAX_MS));
      }, waitMs);
      this.#restarts.add(timer);
    });
  }

  #print(place: TreePlace, line: string): void {
    this.#options.write(`${place.name.padEnd(7)} | ${line}`);
  }
}

/** The first port of the tree that another program holds, with the variable that sets it. */
export async function findTakenPort(
  places: readonly TreePlace[],
): Promise<{ name: string; port: number; variable: string } | undefined> {
  for (const { name, port, httpPort } of places) {
    if (!(await isFree(port))) return { name, port, variable: "TST_ADDR" };
    if (!(await isFree(httpPort))) return { name, port: httpPort, variable: "TST_HTTP_ADDR" };
  }
  return undefined;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
