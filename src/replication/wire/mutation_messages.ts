/** Mutations on their way to the root, and what came of them. */

import { statesource } from "../../../gen/statesource.js";
import { ReplicationError } from "../clock/errors.ts";
import { toBytes, toHex } from "../clock/hex.ts";
import { MAX_NAME_LENGTH } from "../clock/limits.ts";
import { checkNumber, decode, TRACE_BYTES, toTraceContext } from "./_wire.ts";
import { decodeArgs, encodeArgs } from "./mutation_args.ts";

const { v1 } = statesource;

export const MUTATION_TYPES = ["add", "remove", "set", "toggle"] as const;

/** A request to change states at the root. */
export interface MutationRequest {
  readonly type: (typeof MUTATION_TYPES)[number];
  readonly states: readonly string[];
  /** Values for the root's handlers; JSON. */
  readonly args?: Readonly<Record<string, unknown>>;
  /** The root runs a key once, and answers repeats with what came of it the first time. */
  readonly idempotencyKey?: string;
  /** W3C trace context: 16 bytes trace id, 8 bytes span id, 1 byte flags. */
  readonly traceContext?: Uint8Array;
}

export interface MutationResponse {
  readonly result: "executed" | "canceled";
  /** `<epoch>-<seq>`: the version at which the result holds. */
  readonly version: string;
  /** Why it was canceled. */
  readonly rejected?: { readonly state?: string; readonly by: string };
}

const NO_TRACE = new Uint8Array(0);

/** Throws {@linkcode ReplicationError} (`invalid_argument`) for args that JSON cannot hold. */
export function encodeMutateRequest(request: MutationRequest): Uint8Array<ArrayBuffer> {
  return v1.MutateRequest.encode({
    type: MUTATION_TYPES.indexOf(request.type) + 1,
    states: [...request.states],
    argsJson: request.args === undefined ? "" : encodeArgs(request.args),
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
    ...(wire.argsJson !== "" && { args: decodeArgs(wire.argsJson) }),
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
        : traceContext.length !== 0 && traceContext.length !== TRACE_BYTES
          ? `trace_context has ${traceContext.length} bytes, not 0 or ${TRACE_BYTES}`
          : undefined;
  if (fault !== undefined)
    throw new ReplicationError("invalid_argument", `Cannot mutate: ${fault}`);
}

export function encodeMutateResponse(reply: MutationResponse): Uint8Array<ArrayBuffer> {
  const [epoch = "", seq = "0"] = reply.version.split("-");
  const wire: statesource.v1.IMutateResponse = {
    result:
      reply.result === "executed"
        ? v1.MutationResult.MUTATION_RESULT_EXECUTED
        : v1.MutationResult.MUTATION_RESULT_CANCELED,
    epoch: toBytes(epoch),
    seq: Number(seq),
  };
  if (reply.rejected !== undefined)
    wire.rejected = { state: reply.rejected.state ?? "", by: reply.rejected.by };
  return v1.MutateResponse.encode(wire).finish() as Uint8Array<ArrayBuffer>;
}

/** Throws {@linkcode ReplicationError} (`data_loss`). */
export function decodeMutateResponse(bytes: Uint8Array): MutationResponse {
  const wire = decode(() => v1.MutateResponse.decode(bytes), "data_loss", "MutateResponse");
  const { state, by } = wire.rejected ?? {};
  // A body that was cut short still decodes: an answer says all that it must.
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
