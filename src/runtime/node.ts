/**
 * Node.js: HTTP listen, environment, signals, files. `deno.ts` and `bun.ts` export the same names.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { limitPipelining } from "./http1_pipeline.ts";
import { breakWithStream } from "./http1_stream.ts";
import { closeWithin, type FetchHandler, type ListenAddress, type Listener } from "./listener.ts";
import { listenOn } from "./node_listener.ts";

export { createHttp2Transport } from "./http2_client.ts";
export { listenHttp2 } from "./http2_server.ts";
export {
  commandArguments,
  exit,
  onStopSignal,
  takeArgument,
  writeErrorLine,
  writeLine,
} from "./process.ts";
export { createProcessMeter } from "./process_meter.ts";

export const runtimeName = "Node.js";

/** The environment variables and those of `.env` in the working directory, if it exists; the environment's win. */
export function environment(): Record<string, string | undefined> {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  return process.env;
}

export function readText(url: URL): Promise<string> {
  return readFile(url, "utf8");
}

export interface HttpLimits {
  /** Longest time for a request to arrive, its body included, in milliseconds. Default 30,000. */
  readonly requestTimeoutMs?: number;
  /** Requests of one connection that run at once; further ones wait, and their connection is not read. Default 16. */
  readonly maxPipelinedRequests?: number;
}

/** Serves HTTP/1.1. Rejects with {@linkcode ListenError}. */
export async function listenHttp(
  fetch: FetchHandler,
  address: ListenAddress,
  { requestTimeoutMs = 30_000, maxPipelinedRequests = 16 }: HttpLimits = {},
): Promise<Listener> {
  const server = createServer({
    requestTimeout: requestTimeoutMs,
    headersTimeout: Math.min(requestTimeoutMs, 10_000),
    connectionsCheckingInterval: Math.min(requestTimeoutMs, 5_000),
  });
  const listener = getRequestListener(
    async (request, env) => breakWithStream(await fetch(request), (env as HttpBindings).outgoing),
    { overrideGlobalObjects: false },
  );
  limitPipelining(server, maxPipelinedRequests, listener);
  // Longer than the minute after which load balancers close an idle connection.
  server.keepAliveTimeout = 65_000;
  return {
    port: await listenOn(server, address),
    async close(graceMs = 500) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // close() ends idle connections only once; others become idle later.
      const sweep = setInterval(() => server.closeIdleConnections(), 20);
      await closeWithin(closed, graceMs, () => server.closeAllConnections());
      clearInterval(sweep);
    },
  };
}
