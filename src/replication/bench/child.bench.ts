/**
 * Processes of the bench: a child serves a record of commands, and the parent calls them as async functions.
 * Arguments and results are structured clones.
 */

import { type ChildProcess, fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../runtime/node_flags.ts";

// biome-ignore lint/suspicious/noExplicitAny: a command has any parameters; `Remote` keeps their types.
type Commands = Readonly<Record<string, (...args: any[]) => unknown>>;

/** The commands of a child, as functions of its parent. */
export type Remote<C extends Commands> = {
  readonly [K in keyof C]: (...args: Parameters<C[K]>) => Promise<Awaited<ReturnType<C[K]>>>;
};

interface Call {
  readonly id: number;
  readonly command: string;
  readonly args: readonly unknown[];
}

type Result = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** The memory that a process holds after a garbage collection. */
export interface Usage {
  readonly rssBytes: number;
  /** Of JavaScript: on its heap and outside it (`external`). */
  readonly heapBytes: number;
}

/** Nanoseconds on CLOCK_MONOTONIC, which all processes of a machine share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** CPU time of all threads of this process so far, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Waits for `ms`; if that is not positive, for the next turn of the event loop. */
export function turn(ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (ms > 0) setTimeout(resolve, Math.ceil(ms));
    else setImmediate(resolve);
  });
}

export async function usage(): Promise<Usage> {
  globalThis.gc?.();
  // Garbage buffers are freed in the background.
  await new Promise((resolve) => setTimeout(resolve, 100));
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

/** Serves `commands` to the parent; ends the process once the parent disconnects. */
export function serve(commands: Commands): void {
  process.on("message", async ({ id, command, args }: Call) => {
    let result: Result;
    try {
      result = { id, value: await commands[command]!(...args) };
    } catch (error) {
      result = { id, error: error instanceof Error ? (error.stack ?? error.message) : `${error}` };
    }
    process.send!(result);
  });
  process.on("disconnect", () => process.exit());
}

export interface Child<C extends Commands> {
  readonly call: Remote<C>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Priority of readers below that of nodes: in production they run on other machines. */
const READER_NICENESS = 10;

/** Starts a file of this folder as a process that {@linkcode serve}s. */
export function startChild<C extends Commands>(
  file: string,
  kind: "node" | "readers" = "node",
): Child<C> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    execArgv: ["--expose-gc", ...NODE_FLAGS],
    serialization: "advanced",
  });
  if (kind === "readers") setPriority(child.pid!, READER_NICENESS);
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  child.on("message", (result: Result) => {
    const { resolve, reject } = calls.get(result.id)!;
    calls.delete(result.id);
    if ("error" in result) reject(new Error(`${file}: ${result.error}`));
    else resolve(result.value);
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of calls.values())
      reject(new Error(`Cannot continue: ${file} ended (${signal ?? code})`));
  });
  const call = new Proxy({} as Remote<C>, {
    get:
      (_, command: string) =>
      (...args: unknown[]) => {
        const pending = Promise.withResolvers<unknown>();
        calls.set(++lastId, pending);
        child.send({ id: lastId, command, args } satisfies Call);
        return pending.promise;
      },
  });
  return { call, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.disconnect();
  await ended;
}
