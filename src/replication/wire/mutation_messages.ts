/** Encodes and decodes the messages of Mutate: a mutation for the root, and its response. */

import { statesource } from "../../../gen/statesource.js";
import { ReplicationError } from "../clock/errors.ts";
import { fromHex, toHex } from "../clock/hex.ts";
import { MAX_NAME_LENGTH } from "../clock/limits.ts";
import { MUTATION_TYPES, type MutationRequest, type MutationResponse } from "../clock/mutation.ts";
import { TRACE_CONTEXT_BYTES } from "../clock/trace_context.ts";
import { checkNumber, decode, toTraceContext } from "./_wire.ts";

const { v1 } = statesource;

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
