/** Runs the nodes of a tree as child processes: prefixed output, restarts after crashes, and a stop that leaves no process. */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../runtime/node_flags.ts";
import { environmentOf, type TreePlace } from "../tree/mod.ts";
import { EXIT_UNUSABLE } from "./exit_codes.ts";

export interface SupervisorOptions {
  readonly places: readonly TreePlace[];
  /** The script that runs one node. */
  readonly script: URL;
  /** Variables for every node, besides its own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Receives each line of output, prefixed with the name of its node. */
  readonly write: (line: string) => void;
}

/** Shortest and longest wait before a node that ended is restarted. */
const RESTART_MIN_MS = 250;
const RESTART_MAX_MS = 5_000;
/** A node that ran for this long is restarted after the shortest wait. */
const STABLE_MS = 10_000;
/** Time for a node to stop before it is killed; the whole stop takes 2 s at most. */
const STOP_MS = 1_500;
/** Time for a node to finish requests in flight, unless the environment sets another. */
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

  /** Resolves to the reason once a node cannot run as configured. */
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

  /** Stops every node. Resolves to false if one of them had to be killed. */
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
    // A node notices by the IPC channel that its supervisor is gone.
    const child = spawn(process.execPath, [...NODE_FLAGS, fileURLToPath(this.#options.script)], {
      env: {
        TST_DRAIN_MS: `${DRAIN_MS}`,
        ...this.#options.env,
        ...environmentOf(place),
        ...(place.role !== "root" && { TST_MACHINE: "" }),
      },
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

/** The first port of the tree that another program uses, with the variable that sets it. */
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
