/**
 * Node.js: HTTP listen, environment, signals, files. `deno.ts` and `bun.ts` export the same names.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { createAdaptorServer } from "@hono/node-server";
import {
  closeWithin,
  type FetchHandler,
  type ListenAddress,
  ListenError,
  type Listener,
} from "./listener.ts";

export { createHttp2Transport } from "./http2_client.ts";
export { listenHttp2 } from "./http2_server.ts";

export const runtimeName = "Node.js";

/** Variables of the process, after reading `.env` in the working directory if there is one; the process's own win. */
export function environment(): Record<string, string | undefined> {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return process.env;
}

/** Command line arguments after the script's name. */
export function commandArguments(): string[] {
  return process.argv.slice(2);
}

export function readText(url: URL): Promise<string> {
  return readFile(url, "utf8");
}

export function writeLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function writeErrorLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function exit(code: number): never {
  process.exit(code);
}

/** Calls `stop` once, at the first SIGINT or SIGTERM, or when a supervisor that runs this process is gone. */
export function onStopSignal(stop: () => void): void {
  let called = false;
  for (const event of ["SIGINT", "SIGTERM", "disconnect"] as const) {
    process.on(event, () => {
      if (!called) stop();
      called = true;
    });
  }
}

/** Serves HTTP/1.1. Rejects with {@linkcode ListenError}. */
export async function listenHttp(fetch: FetchHandler, address: ListenAddress): Promise<Listener> {
  const server = createAdaptorServer({ fetch, overrideGlobalObjects: false }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(ListenError.from(error, address)));
    server.listen(address.port, address.host, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : address.port,
    async close(graceMs = 500) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closeWithin(closed, graceMs, () => server.closeAllConnections());
    },
  };
}
