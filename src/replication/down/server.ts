/** The server side of the protocol: a function from `Request` to `Response`. */

import type { Call } from "../clock/call.ts";
import { ReplicationError } from "../clock/errors.ts";
import type {
  Mutate,
  MutateOptions,
  MutationRequest,
  MutationResponse,
} from "../clock/mutation.ts";
import { systemTime, type TimeSource } from "../clock/time_source.ts";
import { withDeadline } from "../clock/waiting.ts";
import {
  CALL_PATH,
  EnvelopeReader,
  encodeEnvelope,
  hasType,
  httpStatusOf,
  PROBE_PATH,
  REPLICATION_PATHS,
  readBytes,
  STREAM_TYPE,
  SUBSCRIBE_PATH,
  toWireError,
  UNARY_TYPE,
} from "../wire/connect.ts";
import {
  decodeCallRequest,
  decodeMutateRequest,
  decodeSubscribeRequest,
  encodeCallResponse,
  encodeMutateResponse,
  encodeProbeResponse,
} from "../wire/message_codec.ts";
import type { Downstream } from "./downstream.ts";
import type { Publisher } from "./publisher.ts";
import { PushBody } from "./push_body.ts";
import type { DownstreamTracer } from "./tracer.ts";

export interface ReplicationServerOptions {
  readonly publisher: Publisher;
  /** Runs a mutation, or forwards it upstream. */
  readonly mutate: Mutate;
  /** Runs a call, or forwards it upstream. Without it, calls are `unimplemented`. */
  readonly call?: Call;
  readonly time?: TimeSource;
  /** Largest request, in bytes. Default 65,536. */
  readonly maxRequestBytes?: number;
  /** Longest that a request may take to arrive completely, in milliseconds. Default 5,000. */
  readonly requestTimeoutMs?: number;
  /** How many bytes may wait for a slow downstream before it counts as stalled. Default 1: one message. */
  readonly bufferBytes?: number;
  /** Longest that a mutation or call may take, in milliseconds; the caller's deadline may be earlier. Default 10,000. */
  readonly mutationTimeoutMs?: number;
  readonly tracer?: DownstreamTracer;
  /** Receives unforeseen errors; a peer learns only that one occurred. */
  readonly onError?: (error: unknown) => void;
}

/** Serves Subscribe, Mutate, Call and Probe. */
export function createReplicationServer(
  options: ReplicationServerOptions,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const isStream = pathname === SUBSCRIBE_PATH;
    if (!REPLICATION_PATHS.includes(pathname)) {
      return toUnaryError(
        new ReplicationError(
          "unimplemented",
          `Cannot serve ${pathname}: the paths are ${REPLICATION_PATHS.join(", ")}`,
        ),
        404,
      );
    }
    if (request.method !== "POST")
      return new Response(null, { status: 405, headers: { allow: "POST" } });
    const type = isStream ? STREAM_TYPE : UNARY_TYPE;
    if (!hasType(request, type)) {
      return new Response(null, { status: 415, headers: { "accept-post": type } });
    }
    try {
      checkHeaders(request);
      if (isStream) return await subscribe(options, request);
      if (pathname === PROBE_PATH) return await probe(options, request);
      return pathname === CALL_PATH ? await call(options, request) : await mutate(options, request);
    } catch (thrown) {
      const error = ReplicationError.from(thrown);
      if (error.code === "internal") options.onError?.(thrown);
      return isStream ? toStreamError(error) : toUnaryError(error, httpStatusOf(error));
    }
  };
}

function checkHeaders(request: Request): void {
  const version = request.headers.get("connect-protocol-version");
  if (version !== null && version !== "1") {
    throw new ReplicationError(
      "invalid_argument",
      `Cannot use version "${version}" of the Connect protocol: connect-protocol-version is 1`,
    );
  }
  // Messages are small: compression would cost more than it saves.
  for (const header of ["content-encoding", "connect-content-encoding"]) {
    const encoding = request.headers.get(header);
    if (encoding !== null && encoding !== "identity") {
      throw new ReplicationError(
        "unimplemented",
        `Cannot read ${header} "${encoding}": only identity is supported`,
      );
    }
  }
}

/** Reads the request's body. Rejects with `deadline_exceeded` if it does not arrive in time. */
function receive(options: ReplicationServerOptions, request: Request): Promise<Uint8Array> {
  const { time = systemTime, requestTimeoutMs = 5_000, maxRequestBytes = 65_536 } = options;
  return withDeadline((signal) => readBytes(request, maxRequestBytes, signal), {
    time,
    timeoutMs: requestTimeoutMs,
    toError: () =>
      new ReplicationError(
        "deadline_exceeded",
        `Cannot read the request: it was not complete after ${requestTimeoutMs} ms`,
      ),
  });
}

async function subscribe(options: ReplicationServerOptions, request: Request): Promise<Response> {
  const reader = new EnvelopeReader(options.maxRequestBytes ?? 65_536);
  reader.push(await receive(options, request));
  const envelope = reader.read();
  if (envelope === undefined || envelope.isEnd || reader.isWithin) {
    throw new ReplicationError(
      "invalid_argument",
      "Cannot subscribe: the request is not one complete message",
    );
  }
  const subscription = decodeSubscribeRequest(envelope.message);
  // A signal that has aborted does not notify later listeners.
  request.signal.throwIfAborted();
  const { bufferBytes = 1 } = options;
  let downstream: Downstream | undefined;
  const end = () => downstream?.close();
  request.signal.addEventListener("abort", end, { once: true });
  const { body, stream } = PushBody.open({
    bufferBytes,
    onDrained: () => downstream?.drained(),
    onClosed: end,
  });
  downstream = options.publisher.subscribe(subscription, body);
  return new Response(stream, {
    headers: { "content-type": STREAM_TYPE, "cache-control": "no-store" },
  });
}

async function probe(options: ReplicationServerOptions, request: Request): Promise<Response> {
  await receive(options, request);
  return toUnary(encodeProbeResponse(options.publisher.probe()));
}

async function mutate(options: ReplicationServerOptions, request: Request): Promise<Response> {
  return await respondInTime(options, request, "mutation", (bytes) => {
    const mutation = decodeMutateRequest(bytes);
    return async (limits) => encodeMutateResponse(await runMutation(options, mutation, limits));
  });
}

async function call(options: ReplicationServerOptions, request: Request): Promise<Response> {
  const { call: run } = options;
  if (run === undefined)
    throw new ReplicationError("unimplemented", "Cannot call: this node serves no calls");
  return await respondInTime(options, request, "call", (bytes) => {
    const decoded = decodeCallRequest(bytes);
    return async (limits) => encodeCallResponse(await run(decoded, limits));
  });
}

type Run = (limits: MutateOptions) => Promise<Uint8Array<ArrayBuffer>>;

/** Reads a unary request and runs what `prepare` makes of it, within the caller's deadline and the server's own. */
async function respondInTime(
  options: ReplicationServerOptions,
  request: Request,
  what: "mutation" | "call",
  prepare: (bytes: Uint8Array) => Run,
): Promise<Response> {
  const { time = systemTime } = options;
  const arrivedAtMs = time.monotonic();
  const limitMs = Math.min(readTimeout(request), options.mutationTimeoutMs ?? 10_000);
  const run = prepare(await receive(options, request));
  // The caller's deadline counts from the beginning of its request.
  const timeoutMs = Math.max(0, limitMs - (time.monotonic() - arrivedAtMs));
  const body = await withDeadline((signal) => run({ signal, timeoutMs }), {
    time,
    timeoutMs,
    signal: request.signal,
    toError: () =>
      new ReplicationError("deadline_exceeded", `The ${what} took more than ${limitMs} ms`),
  });
  return toUnary(body);
}

async function runMutation(
  { mutate, tracer }: ReplicationServerOptions,
  request: MutationRequest,
  options: MutateOptions,
): Promise<MutationResponse> {
  const served = tracer?.serving?.(request) ?? request;
  try {
    const response = await mutate(served, options);
    tracer?.served?.(served, response);
    return response;
  } catch (thrown) {
    tracer?.served?.(served, ReplicationError.from(thrown));
    throw thrown;
  }
}

function readTimeout(request: Request): number {
  const text = request.headers.get("connect-timeout-ms");
  if (text === null) return Number.POSITIVE_INFINITY;
  if (!/^\d{1,10}$/.test(text)) {
    throw new ReplicationError(
      "invalid_argument",
      `Cannot read connect-timeout-ms "${text}": it is not a whole number of at most 10 digits`,
    );
  }
  return Number(text);
}

function toUnary(body: Uint8Array<ArrayBuffer>): Response {
  return new Response(body, { headers: { "content-type": UNARY_TYPE } });
}

function toUnaryError(error: ReplicationError, status: number): Response {
  return Response.json(toWireError(error), { status });
}

/** The error of a stream is in its last envelope; the HTTP status is 200. */
function toStreamError(error: ReplicationError): Response {
  const trailer = new TextEncoder().encode(JSON.stringify({ error: toWireError(error) }));
  return new Response(encodeEnvelope(trailer, true), { headers: { "content-type": STREAM_TYPE } });
}
