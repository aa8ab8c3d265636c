/** Encodes and decodes all messages: of a stream, of a probe, and of a mutation. */

import { statesource } from "../../../gen/statesource.js";
import type { CallRequest, CallResponse } from "../clock/call.ts";
import { ReplicationError } from "../clock/errors.ts";
import { fromHex, toHex } from "../clock/hex.ts";
import {
  faultOfNodeName,
  MAX_HEARTBEAT_INTERVAL_MS,
  MAX_NAME_LENGTH,
  MAX_PATH_LENGTH,
  MAX_WALL_TIME_MS,
} from "../clock/limits.ts";
import { MUTATION_TYPES, type MutationRequest, type MutationResponse } from "../clock/mutation.ts";
import { createSelection } from "../clock/selection.ts";
import {
  isTraceContext,
  MAX_TRACE_CONTEXTS,
  NO_TRACE_CONTEXTS,
  TRACE_CONTEXT_BYTES,
} from "../clock/trace_context.ts";
import {
  type ClockMessage,
  type ProbeResponse,
  type Start,
  type SubscribeRequest,
  toStamp,
} from "./messages.ts";
import { encodeSchema, fromWireSchema, type SchemaLimits } from "./schema_codec.ts";
import { sealProbe } from "./seal.ts";

const { v1 } = statesource;

export function encodeSubscribeRequest(request: SubscribeRequest): Uint8Array<ArrayBuffer> {
  const wire: statesource.v1.ISubscribeRequest = {
    name: request.name,
    epoch: fromHex(request.epoch),
    seq: request.seq,
    schemaHash: fromHex(request.schemaHash),
  };
  if (request.selection !== undefined) {
    const { names, prefixes } = request.selection;
    wire.selection = { names: [...names], prefixes: [...prefixes] };
  }
  return v1.SubscribeRequest.encode(wire).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`invalid_argument`). */
export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  const wire = decode(
    () => v1.SubscribeRequest.decode(bytes),
    "invalid_argument",
    "SubscribeRequest",
  );
  const { name, epoch, seq, schemaHash } = wire;
  const fault = faultOfNodeName(name);
  if (fault !== undefined)
    throw new ReplicationError("invalid_argument", `Cannot subscribe: name ${fault}`);
  if (!Number.isSafeInteger(seq))
    throw new ReplicationError("invalid_argument", `Cannot subscribe: seq is ${seq}`);
  for (const [field, value] of [
    ["epoch", epoch],
    ["schema_hash", schemaHash],
  ] as const) {
    if (value.length !== 0 && value.length !== 8) {
      throw new ReplicationError(
        "invalid_argument",
        `Cannot subscribe: ${field} has ${value.length} bytes, not 0 or 8`,
      );
    }
  }
  const request = { name, epoch: toHex(epoch), seq, schemaHash: toHex(schemaHash) };
  if (!wire.selection) return request;
  const { names, prefixes } = wire.selection as statesource.v1.Selection;
  try {
    return { ...request, selection: createSelection(names, prefixes) };
  } catch (error) {
    throw new ReplicationError("invalid_argument", (error as Error).message, { cause: error });
  }
}

/** Tags of length-delimited fields: `start` of SubscribeResponse, `schema` of Start. */
const START_TAG = (7 << 3) | 2;
const SCHEMA_TAG = (5 << 3) | 2;

/** `encodedSchema` is the encoded schema of the start, if the caller has it: encoding it costs more than all else. */
export function encodeClockMessage(
  message: ClockMessage,
  encodedSchema?: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const { indexes, ticks, start } = message;
  const changes = new Array<number>(indexes.length * 2);
  let before = -1;
  for (let i = 0; i < indexes.length; i++) {
    changes[2 * i] = indexes[i]! - before - 1;
    changes[2 * i + 1] = ticks[i]!;
    before = indexes[i]!;
  }
  const wire: statesource.v1.ISubscribeResponse = {
    seq: message.seq,
    changes,
    checksum: message.checksum,
    wallDeltaMs: message.wallDeltaMs,
  };
  // protobufjs writes a field that is set even if it is 0; in proto3 an absent field means the same.
  const sentAfterMs = toStamp(message.sentMs, message.wallDeltaMs) - message.wallDeltaMs;
  if (sentAfterMs !== 0) wire.sentAfterMs = sentAfterMs;
  if (message.ageMs > 0) wire.ageMs = message.ageMs;
  if (message.traceContexts.length > 0) wire.traceContexts = [...message.traceContexts];
  if (message.isDraining) wire.isDraining = true;
  const writer = v1.SubscribeResponse.encode(wire);
  if (start !== undefined) writer.uint32(START_TAG).bytes(encodeStart(start, encodedSchema));
  return writer.finish() as Uint8Array<ArrayBuffer>;
}

function encodeStart(start: Start, encodedSchema: Uint8Array | undefined): Uint8Array {
  const wire: statesource.v1.IStart = {
    epoch: fromHex(start.epoch),
    wallTimeMs: start.wallTimeMs,
    heartbeatIntervalMs: start.heartbeatIntervalMs,
    path: [...start.path],
    machineId: start.machineId,
    checksum: start.checksum,
  };
  if (start.ticks !== undefined) {
    wire.isSnapshot = true;
    wire.ticks = [...start.ticks];
  }
  const writer = v1.Start.encode(wire);
  if (start.schema !== undefined) {
    const { schema, names } = start.schema;
    writer.uint32(SCHEMA_TAG).bytes(encodedSchema ?? encodeSchema(schema, names));
  }
  return writer.finish();
}

/** Throws {@linkcode ReplicationError} (`data_loss`). */
export function decodeClockMessage(bytes: Uint8Array, limits?: SchemaLimits): ClockMessage {
  const wire = decode(() => v1.SubscribeResponse.decode(bytes), "data_loss", "SubscribeResponse");
  const { changes } = wire;
  if (changes.length % 2 !== 0)
    throw new ReplicationError("data_loss", "Cannot read a diff: it ends within a change");
  const count = changes.length / 2;
  const indexes = new Uint32Array(count);
  const ticks = new Float64Array(count);
  let index = -1;
  for (let i = 0; i < count; i++) {
    index += changes[2 * i]! + 1;
    indexes[i] = index;
    ticks[i] = changes[2 * i + 1]!;
  }
  // Indexes rise: the last one is the greatest.
  if (index > 0xffff_ffff)
    throw new ReplicationError("data_loss", `Cannot read a diff: it names state ${index}`);
  checkTicks(ticks);
  checkNumber("seq", wire.seq, Number.MAX_SAFE_INTEGER);
  checkNumber("age", wire.ageMs, Number.MAX_SAFE_INTEGER);
  checkNumber("wall time", Math.abs(wire.wallDeltaMs), MAX_WALL_TIME_MS);
  checkNumber("stamp", Math.abs(wire.sentAfterMs), MAX_WALL_TIME_MS);
  return {
    seq: wire.seq,
    indexes,
    ticks,
    checksum: wire.checksum,
    wallDeltaMs: wire.wallDeltaMs,
    sentMs: wire.wallDeltaMs + wire.sentAfterMs,
    ageMs: wire.ageMs,
    traceContexts: toTraceContexts(wire.traceContexts),
    start: wire.start ? fromWireStart(wire.start as statesource.v1.Start, limits) : undefined,
    isDraining: wire.isDraining,
  };
}

function checkTicks(ticks: Float64Array | readonly number[]): void {
  for (const tick of ticks) checkNumber("tick", tick, Number.MAX_SAFE_INTEGER);
}

function fromWireStart(wire: statesource.v1.Start, limits: SchemaLimits | undefined): Start {
  if (wire.epoch.length !== 8)
    throw new ReplicationError(
      "data_loss",
      `Cannot start: epoch has ${wire.epoch.length} bytes, not 8`,
    );
  if (wire.heartbeatIntervalMs < 1 || wire.heartbeatIntervalMs > MAX_HEARTBEAT_INTERVAL_MS) {
    throw new ReplicationError(
      "data_loss",
      `Cannot start: heartbeat interval is ${wire.heartbeatIntervalMs} ms, not 1 to ${MAX_HEARTBEAT_INTERVAL_MS}`,
    );
  }
  checkNumber("wall time", wire.wallTimeMs, MAX_WALL_TIME_MS);
  checkTicks(wire.ticks);
  checkPath(wire.path);
  if (wire.machineId.length > MAX_NAME_LENGTH) {
    throw new ReplicationError(
      "data_loss",
      `Cannot start: machine id has ${wire.machineId.length} characters, more than ${MAX_NAME_LENGTH}`,
    );
  }
  return {
    epoch: toHex(wire.epoch),
    wallTimeMs: wire.wallTimeMs,
    heartbeatIntervalMs: wire.heartbeatIntervalMs,
    path: wire.path,
    machineId: wire.machineId,
    schema: wire.schema ? fromWireSchema(wire.schema, limits) : undefined,
    ticks: wire.isSnapshot ? wire.ticks : undefined,
    checksum: wire.checksum,
  };
}

function checkPath(path: readonly string[]): void {
  if (path.length > MAX_PATH_LENGTH) {
    throw new ReplicationError(
      "data_loss",
      `Cannot start: the path from the root has ${path.length} nodes, more than ${MAX_PATH_LENGTH}`,
    );
  }
  for (const name of path) {
    const fault = faultOfNodeName(name);
    if (fault !== undefined)
      throw new ReplicationError("data_loss", `Cannot start: a name in the path ${fault}`);
  }
}

export function encodeProbeResponse(response: ProbeResponse): Uint8Array<ArrayBuffer> {
  return v1.ProbeResponse.encode({
    ...response,
    checksum: sealProbe(response),
  }).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`data_loss`). */
export function decodeProbeResponse(bytes: Uint8Array): ProbeResponse {
  const read = () => v1.ProbeResponse.decode(bytes);
  const { sentMs, wallTimeMs, checksum } = decode(read, "data_loss", "ProbeResponse");
  if (checksum !== sealProbe({ sentMs, wallTimeMs }))
    throw new ReplicationError("data_loss", "Cannot read ProbeResponse: its checksum is wrong");
  checkNumber("stamp", Math.abs(sentMs), MAX_WALL_TIME_MS);
  checkNumber("wall time", wallTimeMs, MAX_WALL_TIME_MS);
  return { sentMs, wallTimeMs };
}

/** The last ones, without those that are not trace contexts. */
function toTraceContexts(list: readonly Uint8Array[]): readonly Uint8Array[] {
  if (list.length === 0) return NO_TRACE_CONTEXTS;
  const contexts = list.slice(-MAX_TRACE_CONTEXTS).map(toTraceContext);
  return contexts.filter((context) => context !== undefined);
}

const NO_TRACE = new Uint8Array(0);

export function encodeMutateRequest(request: MutationRequest): Uint8Array<ArrayBuffer> {
  return v1.MutateRequest.encode({
    type: MUTATION_TYPES.indexOf(request.type) + 1,
    states: [...request.states],
    argsJson: request.argsJson ?? "",
    idempotencyKey: request.idempotencyKey ?? "",
    traceContext: request.traceContext ?? NO_TRACE,
  }).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`invalid_argument`). */
export function decodeMutateRequest(bytes: Uint8Array): MutationRequest {
  const wire = decode(() => v1.MutateRequest.decode(bytes), "invalid_argument", "MutateRequest");
  const traceContext = toTraceContext(wire.traceContext);
  const type = MUTATION_TYPES[(wire.type as number) - 1];
  if (type === undefined) {
    throw new ReplicationError(
      "invalid_argument",
      `Cannot mutate: type is ${wire.type}, not ADD, REMOVE, SET or TOGGLE`,
    );
  }
  checkMutateRequest(wire);
  return {
    type,
    states: wire.states,
    ...(wire.argsJson !== "" && { argsJson: wire.argsJson }),
    ...(wire.idempotencyKey !== "" && { idempotencyKey: wire.idempotencyKey }),
    ...(traceContext && { traceContext }),
  };
}

function checkMutateRequest(wire: statesource.v1.MutateRequest): void {
  const { idempotencyKey, states, traceContext } = wire;
  const long = states.find((name) => name.length > MAX_NAME_LENGTH);
  const fault =
    long !== undefined
      ? `a state's name has ${long.length} characters, more than ${MAX_NAME_LENGTH}`
      : idempotencyKey.length > MAX_NAME_LENGTH
        ? `idempotency_key has ${idempotencyKey.length} characters, more than ${MAX_NAME_LENGTH}`
        : traceContext.length !== 0 && traceContext.length !== TRACE_CONTEXT_BYTES
          ? `trace_context has ${traceContext.length} bytes, not 0 or ${TRACE_CONTEXT_BYTES}`
          : undefined;
  if (fault !== undefined)
    throw new ReplicationError("invalid_argument", `Cannot mutate: ${fault}`);
}

export function encodeCallRequest(request: CallRequest): Uint8Array<ArrayBuffer> {
  return v1.CallRequest.encode({
    name: request.name,
    argsJson: request.argsJson ?? "",
    traceContext: request.traceContext ?? NO_TRACE,
  }).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`invalid_argument`). */
export function decodeCallRequest(bytes: Uint8Array): CallRequest {
  const wire = decode(() => v1.CallRequest.decode(bytes), "invalid_argument", "CallRequest");
  const { name, argsJson } = wire;
  const traceContext = toTraceContext(wire.traceContext);
  if (name === "" || name.length > MAX_NAME_LENGTH) {
    throw new ReplicationError(
      "invalid_argument",
      `Cannot call: the name has ${name.length} characters, not 1 to ${MAX_NAME_LENGTH}`,
    );
  }
  return { name, ...(argsJson !== "" && { argsJson }), ...(traceContext && { traceContext }) };
}

export function encodeCallResponse(response: CallResponse): Uint8Array<ArrayBuffer> {
  const [epoch = "", seq = "0"] = response.version.split("-");
  return v1.CallResponse.encode({
    resultJson: response.resultJson ?? "",
    epoch: fromHex(epoch),
    seq: Number(seq),
  }).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`data_loss`). */
export function decodeCallResponse(bytes: Uint8Array): CallResponse {
  const wire = decode(() => v1.CallResponse.decode(bytes), "data_loss", "CallResponse");
  const { resultJson, epoch, seq } = wire;
  if (epoch.length !== 8) {
    throw new ReplicationError(
      "data_loss",
      `Cannot read CallResponse: epoch has ${epoch.length} bytes, not 8`,
    );
  }
  checkNumber("seq", seq, Number.MAX_SAFE_INTEGER);
  return { version: `${toHex(epoch)}-${seq}`, ...(resultJson !== "" && { resultJson }) };
}

export function encodeMutateResponse(response: MutationResponse): Uint8Array<ArrayBuffer> {
  const [epoch = "", seq = "0"] = response.version.split("-");
  const wire: statesource.v1.IMutateResponse = {
    result:
      response.result === "executed"
        ? v1.MutationResult.MUTATION_RESULT_EXECUTED
        : v1.MutationResult.MUTATION_RESULT_CANCELED,
    epoch: fromHex(epoch),
    seq: Number(seq),
  };
  if (response.rejected !== undefined)
    wire.rejected = { state: response.rejected.state ?? "", by: response.rejected.by };
  return v1.MutateResponse.encode(wire).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`data_loss`). */
export function decodeMutateResponse(bytes: Uint8Array): MutationResponse {
  const wire = decode(() => v1.MutateResponse.decode(bytes), "data_loss", "MutateResponse");
  const { state, by } = wire.rejected ?? {};
  // A truncated body still decodes: check that all required fields are present.
  if (
    wire.epoch.length !== 8 ||
    (wire.result !== v1.MutationResult.MUTATION_RESULT_EXECUTED &&
      wire.result !== v1.MutationResult.MUTATION_RESULT_CANCELED)
  ) {
    throw new ReplicationError(
      "data_loss",
      `Cannot read MutateResponse: result is ${wire.result}, epoch has ${wire.epoch.length} bytes`,
    );
  }
  checkNumber("seq", wire.seq, Number.MAX_SAFE_INTEGER);
  return {
    result: wire.result === v1.MutationResult.MUTATION_RESULT_EXECUTED ? "executed" : "canceled",
    version: `${toHex(wire.epoch)}-${wire.seq}`,
    ...(by && { rejected: state ? { state, by } : { by } }),
  };
}

/** Throws {@linkcode ReplicationError} with `code` for bytes that `read` cannot decode. */
function decode<T>(read: () => T, code: "invalid_argument" | "data_loss", what: string): T {
  try {
    return read();
  } catch (error) {
    throw new ReplicationError(code, `Cannot read ${what}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/** Throws {@linkcode ReplicationError} (`data_loss`) for a number beyond `max`, and for NaN. */
function checkNumber(what: string, value: number, max: number): void {
  if (!(value <= max))
    throw new ReplicationError("data_loss", `Cannot read a message: its ${what} is ${value}`);
}

/**
 * A copy, so that the whole message can be freed. Undefined for bytes that are not a trace context: they are
 * no reason to refuse a clock.
 */
function toTraceContext(bytes: Uint8Array): Uint8Array | undefined {
  return isTraceContext(bytes) ? new Uint8Array(bytes) : undefined;
}
