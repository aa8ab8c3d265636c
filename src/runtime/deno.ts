/**
 * Deno: the same names as `node.ts`.
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

/** The part of the namespace `Deno` that this file uses; see https://docs.deno.com/api/deno/. */
declare const Deno: {
  readonly args: readonly string[];
  readonly env: { toObject(): Record<string, string> };
  readonly stdout: { writeSync(data: Uint8Array): number };
  readonly stderr: { writeSync(data: Uint8Array): number };
  readTextFile(path: URL): Promise<string>;
  exit(code: number): never;
  addSignalListener(signal: "SIGINT" | "SIGTERM", listener: () => void): void;
  serve(
    options: {
      hostname: string;
      port: number;
      signal: AbortSignal;
      onListen: () => void;
    },
    handler: FetchHandler,
  ): {
    readonly addr: { readonly port: number };
    readonly finished: Promise<void>;
    shutdown(): Promise<void>;
  };
};

export { createHttp2Transport } from "./http2_client.ts";
export { listenHttp2 } from "./http2_server.ts";
export { createProcessMeter } from "./process_meter.ts";

export const runtimeName = "Deno";

/** The environment variables; `deno run --env-file` reads `.env`. */
export function environment(): Record<string, string | undefined> {
  return Deno.env.toObject();
}

const args = [...Deno.args];

export function commandArguments(): string[] {
  return [...args];
}

/** Removes the first command line argument, and returns it. */
export function takeArgument(): string | undefined {
  return args.shift();
}

export function readText(url: URL): Promise<string> {
  return Deno.readTextFile(url);
}

const encoder = new TextEncoder();

export function writeLine(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`));
}

export function writeErrorLine(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

export function exit(code: number): never {
  return Deno.exit(code);
}

export function onStopSignal(stop: () => void): void {
  let called = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      if (!called) stop();
      called = true;
    });
  }
}

/** Serves HTTP/1.1. Deno runs one request of a connection at a time. Rejects with {@linkcode ListenError}. */
export async function listenHttp(fetch: FetchHandler, address: ListenAddress): Promise<Listener> {
  const abort = new AbortController();
  const options = {
    hostname: address.host,
    port: address.port,
    signal: abort.signal,
    onListen: () => {},
  };
  let server: ReturnType<typeof Deno.serve>;
  try {
    server = Deno.serve(options, fetch);
  } catch (error) {
    throw ListenError.from(error, address);
  }
  return {
    port: server.addr.port,
    async close(graceMs = 500) {
      await closeWithin(server.shutdown(), graceMs, () => abort.abort());
    },
  };
}
