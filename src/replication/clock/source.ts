/** The source: connects a machine to its versioned clock, and runs the mutations that arrive from anywhere in the tree. */

import { CallError, type Machine, MachineError } from "../../machine/mod.ts";
import {
  CAN_ADD_CALL,
  CAN_REMOVE_CALL,
  type CallRequest,
  type CallResponse,
  MAX_RESULT_LENGTH,
} from "./call.ts";
import { ReplicationError } from "./errors.ts";
import { toHex } from "./hex.ts";
import type { MutationRequest, MutationResponse } from "./mutation.ts";
import { decodeArgs } from "./mutation_args.ts";
import { NestedMutations } from "./nested_mutations.ts";
import { RememberedResponses } from "./remembered_responses.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import { isTraceContext, NO_TRACE_CONTEXTS } from "./trace_context.ts";
import { VersionedClock } from "./versioned_clock.ts";

/** Hooks into a source. They must not throw. */
export interface SourceTracer {
  /**
   * The clock is about to advance by a transition; `traceContexts` are those of its mutation, none or one.
   * The change carries what this returns; undefined for the same.
   */
  advancing?(traceContexts: readonly Uint8Array[]): readonly Uint8Array[] | undefined;
}

export interface SourceOptions {
  readonly time?: TimeSource;
  /** 16 hex digits, or what makes them for each epoch; for tests. Default: random. */
  readonly epoch?: string | (() => string);
  /** How many idempotency keys are remembered. Default 10,000. */
  readonly maxKeys?: number;
  readonly tracer?: SourceTracer;
  /** Receives what a listener of the clock throws. Default: nobody catches it. */
  readonly onListenerError?: (error: Error) => void;
  /** Receives what a served function throws that is not a `CallError`. Default: nobody does. */
  readonly onCallError?: (name: string, error: unknown) => void;
}

export interface Source {
  /** Ends when the machine is disposed: then publishers end their streams, and accept no more. */
  readonly clock: VersionedClock;
  /** Milliseconds since the machine was disposed; 0 before. */
  ageMs(): number;
  /**
   * Runs a function that the machine serves. Rejects with {@linkcode ReplicationError}: `not_found` for an
   * unknown name, the code of a `CallError`, or `internal` for any other error, which goes to `onCallError`.
   */
  call(request: CallRequest, options: { readonly signal: AbortSignal }): Promise<CallResponse>;
  /**
   * Runs a mutation, and returns the response. Within a transition of the machine the mutation is queued: then
   * returns a promise, which resolves when it has run. Throws {@linkcode ReplicationError} for a mutation that
   * the machine cannot run.
   */
  mutate(request: MutationRequest): MutationResponse | Promise<MutationResponse>;
  /** Stops following the machine. */
  close(): void;
}

/**
 * Makes the source of a machine. Each change of its clock is one seq; a new schema is a new epoch. Throws
 * `MachineError` if the machine is disposed.
 */
export function createSource(machine: Machine, options: SourceOptions = {}): Source {
  if (machine.isDisposed) {
    throw new MachineError("disposed", `Cannot make a source: machine "${machine.id}" is disposed`);
  }
  const { time = systemTime, maxKeys = 10_000, tracer } = options;
  const clock = new VersionedClock(options.onListenerError);
  const responses = new RememberedResponses(maxKeys);
  const begin = (epoch: string) =>
    clock.reset({
      epoch,
      seq: 0,
      schema: machine.schema,
      names: machine.names,
      ticks: machine.ticks,
      changedAtMs: time.now(),
    });
  const createEpoch = typeof options.epoch === "function" ? options.epoch : randomEpoch;
  begin(typeof options.epoch === "string" ? options.epoch : createEpoch());
  const nested = new NestedMutations(machine, clock);
  let ticks = new Float64Array(16);
  let traceContexts = NO_TRACE_CONTEXTS;
  const untrace = machine.trace({
    // The clock changes right after this.
    transitionEnd(transition) {
      if (!nested.isEmpty) nested.ended(transition);
      const { context } = transition.mutation;
      traceContexts = isTraceContext(context) ? [context] : NO_TRACE_CONTEXTS;
    },
    schemaChanged: () => begin(createEpoch()),
  });
  const unlisten = machine.onClockChange((indexes) => {
    if (ticks.length < indexes.length) ticks = new Float64Array(indexes.length);
    for (let i = 0; i < indexes.length; i++) ticks[i] = machine.ticks[indexes[i]!]!;
    const carried = tracer?.advancing?.(traceContexts) ?? traceContexts;
    traceContexts = NO_TRACE_CONTEXTS;
    clock.advance(clock.seq + 1, indexes, ticks, time.now(), carried);
  });

  let isClosed = false;
  let disposedAtMs: number | undefined;
  machine.onDispose(() => {
    if (isClosed) return;
    disposedAtMs = time.monotonic();
    const message = `Machine "${machine.id}" is disposed, and its clock has ended`;
    clock.end(new ReplicationError("unavailable", message));
  });

  return {
    clock,
    ageMs: () => (disposedAtMs === undefined ? 0 : time.monotonic() - disposedAtMs),
    mutate(request) {
      const known = responses.find(request);
      if (known !== undefined) return known;
      const response = runMutation(machine, clock, nested, request);
      responses.remember(request, response);
      return response;
    },
    async call(request, { signal }) {
      const result = await runCall(machine, request, signal, options.onCallError);
      const resultJson = result === undefined ? undefined : JSON.stringify(result);
      if (resultJson !== undefined && resultJson.length > MAX_RESULT_LENGTH) {
        throw new ReplicationError(
          "resource_exhausted",
          `Cannot return the result of "${request.name}": it has ${resultJson.length} characters as JSON, more than ${MAX_RESULT_LENGTH}`,
        );
      }
      return { version: clock.version, ...(resultJson !== undefined && { resultJson }) };
    },
    close() {
      isClosed = true;
      unlisten();
      untrace();
    },
  };
}

function runMutation(
  machine: Machine,
  clock: VersionedClock,
  nested: NestedMutations,
  request: MutationRequest,
): MutationResponse | Promise<MutationResponse> {
  const { type, states, argsJson, traceContext } = request;
  const args = argsJson === undefined ? undefined : decodeArgs(argsJson);
  try {
    const { isRunning } = machine;
    const called = type === "toggle" ? (machine.is(states) ? "remove" : "add") : type;
    const result = machine[called](states, args, { context: traceContext });
    if (isRunning && result.result !== "canceled") return nested.wait(request, called, result);
    return {
      result: result.result === "canceled" ? "canceled" : "executed",
      version: clock.version,
      ...(result.result === "canceled" && { rejected: result.rejected }),
    };
  } catch (error) {
    if (!(error instanceof MachineError) || error.code !== "unknown_state") throw error;
    throw new ReplicationError("unknown_state", error.message, {
      states: error.states,
      cause: error,
    });
  }
}

async function runCall(
  machine: Machine,
  { name, argsJson, traceContext }: CallRequest,
  signal: AbortSignal,
  onCallError: SourceOptions["onCallError"],
): Promise<unknown> {
  const args = argsJson === undefined ? undefined : decodeArgs(argsJson);
  if (name === CAN_ADD_CALL || name === CAN_REMOVE_CALL) return runCheck(machine, name, args);
  try {
    const result = await machine.call(name, args, { signal, context: traceContext });
    // Fails here, with the function's name, rather than on the way.
    JSON.stringify(result);
    return result;
  } catch (thrown) {
    if (signal.aborted) throw signal.reason;
    if (thrown instanceof MachineError && thrown.code === "unknown_call")
      throw new ReplicationError("not_found", thrown.message, { cause: thrown });
    if (thrown instanceof CallError)
      throw new ReplicationError(thrown.code, thrown.message, { cause: thrown });
    onCallError?.(name, thrown);
    throw new ReplicationError("internal", `Cannot run "${name}": it failed`, { cause: thrown });
  }
}

/** `{ states, args? }` → whether the mutation would be executed; nothing changes. */
function runCheck(machine: Machine, name: string, given: Record<string, unknown> = {}): unknown {
  const { states, args } = given;
  if (!Array.isArray(states) || !states.every((state) => typeof state === "string"))
    throw new ReplicationError("invalid_argument", `Cannot check: states are not a list of names`);
  try {
    const check = name === CAN_ADD_CALL ? machine.canAdd : machine.canRemove;
    const result = check.call(machine, states, args as never);
    return result.result === "canceled"
      ? { result: "canceled", rejected: result.rejected }
      : { result: "executed" };
  } catch (error) {
    if (!(error instanceof MachineError) || error.code !== "unknown_state") throw error;
    throw new ReplicationError("unknown_state", error.message, {
      states: error.states,
      cause: error,
    });
  }
}

function randomEpoch(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(8)));
}
