/** The options of `createHttpApi`, with their defaults and limits. */

import type { Route } from "./route.ts";
import type { HttpTracer } from "./tracer.ts";

/** Longest `?wait=` of `GET /states`, in milliseconds. */
export const MAX_WAIT_MS = 30_000;

/** `?wait=` when absent, in milliseconds. */
export const DEFAULT_WAIT_MS = 1000;

export interface HttpApiOptions {
  /** Origins that browsers may use the API from, such as `https://board.example`; `*` alone for any. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Largest body of `POST /mutations`, in bytes. Default 65,536. */
  readonly maxBodyBytes?: number;
  /** How long a mutation may take before the answer is 504, in milliseconds. Default 10,000. */
  readonly mutationTimeoutMs?: number;
  /** Milliseconds between two heartbeat comments on an event stream. Default 15,000. */
  readonly streamHeartbeatIntervalMs?: number;
  /** How many bytes wait for a slow reader of an event stream before events are merged. Default 16,384. */
  readonly streamBufferBytes?: number;
  /** Event streams open at the same time; one more gets 503. Default 1,000. */
  readonly maxStreams?: number;
  /** Further routes, such as `/metrics`; they get problem responses, 405 and the tracer like the others. */
  readonly extraRoutes?: readonly Route[];
  /** Is told of each request's start and end; telemetry implements it. */
  readonly tracer?: HttpTracer;
  /** Is told of each error that no route expected. Default: `console.error`. */
  readonly onError?: (error: unknown, request: Request) => void;
  /** Ends event streams when aborted: a node that is about to stop sends their readers elsewhere, and finishes all else. */
  readonly draining?: AbortSignal;
  /** Ends event streams and waiting requests when aborted, so that a node can shut down. */
  readonly signal?: AbortSignal;
}

export interface ResolvedOptions
  extends Required<Omit<HttpApiOptions, "tracer" | "draining" | "signal">>,
    Pick<HttpApiOptions, "tracer" | "draining" | "signal"> {}

const DEFAULTS = {
  corsOrigins: [],
  maxBodyBytes: 64 * 1024,
  mutationTimeoutMs: 10_000,
  streamHeartbeatIntervalMs: 15_000,
  streamBufferBytes: 16 * 1024,
  maxStreams: 1000,
  extraRoutes: [],
  onError: (error: unknown) => console.error(error),
} satisfies HttpApiOptions;

/** Fills in the defaults. Throws `RangeError` for a limit that is not a positive integer. */
export function resolveOptions(options: HttpApiOptions): ResolvedOptions {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const resolved: ResolvedOptions = { ...DEFAULTS, ...Object.fromEntries(given) };
  for (const name of [
    "maxBodyBytes",
    "mutationTimeoutMs",
    "streamHeartbeatIntervalMs",
    "streamBufferBytes",
    "maxStreams",
  ] as const) {
    const value = resolved[name];
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new RangeError(
        `Cannot create the HTTP API: ${name} is ${value}, not a positive integer`,
      );
    }
  }
  return resolved;
}
