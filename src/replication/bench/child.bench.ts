/**
 * Processes of the bench: a child serves a record of commands, which the parent calls as async functions.
 * Numbers and byte arrays are passed by structured clone.
 */

import { type ChildProcess, fork } from "node:child_process";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../runtime/node_flags.ts";

// biome-ignore lint/suspicious/noExplicitAny: a command takes any arguments; `Remote` keeps their types.
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

type Reply = { readonly id: number } & ({ readonly value: unknown } | { readonly error: string });

/** The memory that a process holds after a garbage collection. */
export interface Usage {
  readonly rssBytes: number;
  /** On the JavaScript heap and outside of it (`external`). */
  readonly heapBytes: number;
}

/** Nanoseconds on CLOCK_MONOTONIC, which all processes of a machine share. */
export function nowNs(): number {
  return Number(process.hrtime.bigint());
}

/** CPU time of this process so far: all threads, user and system, in microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

export async function usage(): Promise<Usage> {
  globalThis.gc?.();
  // The runtime frees collected buffers concurrently.
  await new Promise((resolve) => setTimeout(resolve, 100));
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed + external };
}

/** Serves `commands` to the parent; ends the process once the parent disconnects. */
export function serve(commands: Commands): void {
  process.on("message", async ({ id, command, args }: Call) => {
    let reply: Reply;
    try {
      reply = { id, value: await commands[command]!(...args) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? (error.stack ?? error.message) : `${error}` };
    }
    process.send!(reply);
  });
  process.on("disconnect", () => process.exit());
}

export interface Child<C extends Commands> {
  readonly call: Remote<C>;
  /** Ends the process. */
  stop(): Promise<void>;
}

/** Priority of readers, below that of nodes: in production they run on other machines. */
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
  child.on("message", (reply: Reply) => {
    const { resolve, reject } = calls.get(reply.id)!;
    calls.delete(reply.id);
    if ("error" in reply) reject(new Error(`${file}: ${reply.error}`));
    else resolve(reply.value);
  });
  child.on("exit", (code, signal) => {
    for (const { reject } of calls.values())
      reject(new Error(`Cannot go on: ${file} ended (${signal ?? code})`));
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
