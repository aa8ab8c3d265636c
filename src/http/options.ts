/** The options of `createHttpApi`, with their defaults and limits. */

import type { NodeApi } from "./node_api.ts";
import type { Route } from "./route.ts";
import type { HttpTracer } from "./tracer.ts";

/** Largest `?wait=` of `GET /states` and `GET /states/:name`, in milliseconds. */
export const MAX_WAIT_MS = 30_000;

/** Default of `?wait=`, in milliseconds. */
export const DEFAULT_WAIT_MS = 1000;

export interface HttpApiOptions {
  /** Origins that browsers may use the API from, such as `https://board.example`, or only `*` for any origin. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Largest body of `POST /mutations`, in bytes. Default 65,536. */
  readonly maxBodyBytes?: number;
  /** Time after which the response to a mutation is 504, in milliseconds. Default 10,000. */
  readonly mutationTimeoutMs?: number;
  /** Milliseconds between two heartbeat comments on an event stream. Default 15,000. */
  readonly streamHeartbeatIntervalMs?: number;
  /** Bytes that an event stream buffers for a slow reader before it merges events. Default 16,384. */
  readonly streamBufferBytes?: number;
  /** Event streams open at the same time; the response to one more is 503. Default 1,000. */
  readonly maxStreams?: number;
  /** Further routes, such as `/metrics`; problem responses, 405 and the tracer apply to them too. */
  readonly extraRoutes?: readonly Route[];
  /** Receives the start and end of each request; telemetry implements it. */
  readonly tracer?: HttpTracer;
  /** Receives each unexpected error. Default: `console.error`. */
  readonly onError?: (error: unknown, request: Request) => void;
  /** Ends event streams when aborted: a node that is about to stop sends their readers elsewhere and completes other requests. */
  readonly draining?: AbortSignal;
  /** Ends event streams and waiting requests when aborted: the node shuts down. */
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

/** Adds the defaults. Throws `RangeError` for a limit that is not a positive integer. */
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

export interface RouteContext {
  readonly node: NodeApi;
  readonly options: ResolvedOptions;
}
