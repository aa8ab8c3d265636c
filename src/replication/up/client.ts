/** The client side of the protocol, on a function shaped like `fetch`. */

import type { CallRequest, CallResponse } from "../clock/call.ts";
import { ReplicationError, type ReplicationErrorCode } from "../clock/errors.ts";
import type { MutateOptions, MutationRequest, MutationResponse } from "../clock/mutation.ts";
import {
  CALL_PATH,
  EnvelopeReader,
  encodeEnvelope,
  fromWireError,
  hasType,
  MUTATE_PATH,
  PROBE_PATH,
  readBytes,
  STREAM_TYPE,
  SUBSCRIBE_PATH,
  UNARY_TYPE,
} from "../wire/connect.ts";
import {
  decodeCallResponse,
  decodeMutateResponse,
  decodeProbeResponse,
  encodeCallRequest,
  encodeMutateRequest,
  encodeSubscribeRequest,
} from "../wire/message_codec.ts";
import type { ProbeResponse, SubscribeRequest } from "../wire/messages.ts";

/**
 * Sends a request to a node: the shape of `fetch`, over the HTTP/2 client of a runtime. `signal`, which the
 * request has as well, aborts it until the response's body has ended.
 */
export type Transport = (
  request: Request,
  init: { readonly signal: AbortSignal },
) => Promise<Response>;

/** Largest message accepted from upstream: a snapshot of a million states fits. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;
const MAX_UNARY_BYTES = 1024 * 1024;

export interface SubscriptionOptions {
  readonly signal: AbortSignal;
  /** Receives the length of each chunk; a chunk need not be a whole message. */
  readonly onBytes?: (length: number) => void;
}

/**
 * Subscribes, and yields the messages of the stream. Returns at its orderly end; throws
 * {@linkcode ReplicationError} at any other.
 */
export async function* openSubscription(
  transport: Transport,
  address: string,
  request: SubscribeRequest,
  { signal, onBytes }: SubscriptionOptions,
): AsyncGenerator<Uint8Array> {
  const response = await send(transport, address, SUBSCRIBE_PATH, {
    headers: { "content-type": STREAM_TYPE, "connect-protocol-version": "1" },
    body: encodeEnvelope(encodeSubscribeRequest(request)),
    signal,
  });
  if (response.status !== 200 || !hasType(response, STREAM_TYPE) || response.body === null) {
    throw await toError(response, address, signal);
  }
  const reader = new EnvelopeReader(MAX_MESSAGE_BYTES);
  const body = response.body.getReader();
  // Ends a pending read even if the transport observes the signal only until the response's head.
  const stop = () => void body.cancel().catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await body.read();
      if (done) break;
      onBytes?.(value.length);
      reader.push(value);
      for (let envelope = reader.read(); envelope !== undefined; envelope = reader.read()) {
        if (envelope.isEnd) {
          readTrailer(envelope.message, address);
          return;
        }
        yield envelope.message;
      }
    }
  } catch (error) {
    throw error instanceof ReplicationError ? error : unreachable(address, error);
  } finally {
    // Without this, the peer would keep sending on a stream that is left early.
    signal.removeEventListener("abort", stop);
    stop();
  }
  throw new ReplicationError(
    "unavailable",
    `The stream from ${address} broke off${reader.isWithin ? " within a message" : ""}`,
  );
}

/** Sends a mutation to a node. Throws {@linkcode ReplicationError}. */
export async function sendMutation(
  transport: Transport,
  address: string,
  request: MutationRequest,
  options: MutateOptions,
): Promise<MutationResponse> {
  const bytes = await sendUnary(transport, address, MUTATE_PATH, {
    ...options,
    body: encodeMutateRequest(request),
  });
  return decodeMutateResponse(bytes);
}

/** Sends a call to a node. Throws {@linkcode ReplicationError}. */
export async function sendCall(
  transport: Transport,
  address: string,
  request: CallRequest,
  options: MutateOptions,
): Promise<CallResponse> {
  const bytes = await sendUnary(transport, address, CALL_PATH, {
    ...options,
    body: encodeCallRequest(request),
  });
  return decodeCallResponse(bytes);
}

/** Requests the time on the clock that stamps a node's messages. Throws {@linkcode ReplicationError}. */
export async function sendProbe(
  transport: Transport,
  address: string,
  signal: AbortSignal,
): Promise<ProbeResponse> {
  return decodeProbeResponse(await sendUnary(transport, address, PROBE_PATH, { signal }));
}

/** Sends a request and returns the bytes of its response. `timeoutMs` is the deadline that the node receives. */
async function sendUnary(
  transport: Transport,
  address: string,
  path: string,
  {
    body,
    signal,
    timeoutMs,
  }: { body?: Uint8Array<ArrayBuffer>; signal: AbortSignal; timeoutMs?: number },
): Promise<Uint8Array> {
  const response = await send(transport, address, path, {
    headers: {
      "content-type": UNARY_TYPE,
      "connect-protocol-version": "1",
      ...(timeoutMs !== undefined && {
        "connect-timeout-ms": String(Math.max(1, Math.round(timeoutMs))),
      }),
    },
    ...(body !== undefined && { body }),
    signal,
  });
  if (response.status !== 200 || !hasType(response, UNARY_TYPE))
    throw await toError(response, address, signal);
  return await readBody(response, address, signal);
}

async function send(
  transport: Transport,
  address: string,
  path: string,
  { signal, ...init }: RequestInit & { readonly signal: AbortSignal },
): Promise<Response> {
  const base = (address.includes("://") ? address : `http://${address}`).replace(/\/$/, "");
  try {
    const request = new Request(`${base}${path}`, { method: "POST", ...init });
    // The constructor would follow the signal by weak references, which only a full garbage collection
    // removes: at some hundred requests a second, that costs pauses of ten milliseconds.
    Object.defineProperty(request, "signal", { value: signal });
    return await transport(request, { signal });
  } catch (error) {
    if (signal.aborted) throw ReplicationError.from(signal.reason);
    throw unreachable(address, error);
  }
}

/** Reads the whole body of a unary response. Throws {@linkcode ReplicationError}, also if the connection breaks within it. */
async function readBody(
  response: Response,
  address: string,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    return await readBytes(response, MAX_UNARY_BYTES);
  } catch (error) {
    if (signal.aborted) throw ReplicationError.from(signal.reason);
    throw error instanceof ReplicationError ? error : unreachable(address, error);
  }
}

function unreachable(address: string, cause: unknown): ReplicationError {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const reason =
    inner instanceof Error ? ((inner as { code?: string }).code ?? inner.message) : String(inner);
  return new ReplicationError("unavailable", `Cannot reach ${address}: ${reason}`, { cause });
}

/** What an HTTP status without a Connect error means (Connect protocol, "HTTP to Error Code"). */
const CODE_BY_STATUS: Readonly<Record<number, ReplicationErrorCode>> = {
  400: "internal",
  404: "unimplemented",
  408: "deadline_exceeded",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

async function toError(
  response: Response,
  address: string,
  signal: AbortSignal,
): Promise<ReplicationError> {
  const fallback = CODE_BY_STATUS[response.status] ?? "unknown";
  if (hasType(response, "application/json")) {
    try {
      const body = await readBody(response, address, signal);
      return fromWireError(JSON.parse(new TextDecoder().decode(body)), fallback);
    } catch (error) {
      if (error instanceof ReplicationError && error.code !== "resource_exhausted") throw error;
      // Not what a Connect server sends: only the status counts.
    }
  }
  await response.body?.cancel().catch(() => {});
  return new ReplicationError(
    fallback,
    `${address} responded with HTTP status ${response.status}, not as a node of the tree does`,
  );
}

function readTrailer(message: Uint8Array, address: string): void {
  let trailer: unknown;
  try {
    trailer = JSON.parse(new TextDecoder().decode(message));
  } catch (cause) {
    throw new ReplicationError("data_loss", `Cannot read the end of the stream from ${address}`, {
      cause,
    });
  }
  const error = (trailer as { error?: unknown } | null)?.error;
  if (error !== undefined) throw fromWireError(error, "unknown");
}
