/**
 * Bun: the same names as `node.ts`.
 *
 * @module
 */

import {
  closeWithin,
  type FetchHandler,
  type ListenAddress,
  ListenError,
  type Listener,
} from "./listener.ts";

/** The part of the namespace `Bun` that this file uses; see https://bun.com/docs/api. */
declare const Bun: {
  readonly env: Record<string, string | undefined>;
  file(url: URL): { text(): Promise<string> };
  serve(options: { hostname: string; port: number; idleTimeout: number; fetch: FetchHandler }): {
    readonly port: number;
    stop(closeActiveConnections?: boolean): Promise<void>;
  };
};

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

export const runtimeName = "Bun";

/** The environment variables; Bun itself reads `.env`. */
export function environment(): Record<string, string | undefined> {
  return Bun.env;
}

export function readText(url: URL): Promise<string> {
  return Bun.file(url).text();
}

/** Serves HTTP/1.1. Bun closes a connection that sends a request before the response to the last one. Rejects with {@linkcode ListenError}. */
export async function listenHttp(fetch: FetchHandler, address: ListenAddress): Promise<Listener> {
  let server: ReturnType<typeof Bun.serve>;
  try {
    // Event streams may be idle for long; the HTTP API has its own limits.
    server = Bun.serve({ hostname: address.host, port: address.port, idleTimeout: 0, fetch });
  } catch (error) {
    throw ListenError.from(error, address);
  }
  return {
    port: server.port,
    async close(graceMs = 500) {
      await closeWithin(server.stop(), graceMs, () => void server.stop(true));
    },
  };
}
