/** The source: connects a machine to its versioned clock, and runs the mutations that arrive from anywhere in the tree. */

import { type Machine, MachineError } from "../../machine/mod.ts";
import { ReplicationError } from "./errors.ts";
import { toHex } from "./hex.ts";
import type { MutationRequest, MutationResponse } from "./mutation.ts";
import { decodeArgs } from "./mutation_args.ts";
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
}

export interface Source {
  readonly clock: VersionedClock;
  /** Runs a mutation. Throws {@linkcode ReplicationError} for one that the machine cannot run. */
  mutate(request: MutationRequest): MutationResponse;
  /** Stops following the machine. */
  close(): void;
}

/** Makes the source of a machine. Each change of its clock is one seq; a new schema is a new epoch. */
export function createSource(machine: Machine, options: SourceOptions = {}): Source {
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
  let ticks = new Float64Array(16);
  let traceContexts = NO_TRACE_CONTEXTS;
  const untrace = machine.trace({
    // The clock changes right after this.
    transitionEnd({ mutation: { context } }) {
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

  return {
    clock,
    mutate(request) {
      const known = responses.find(request);
      if (known !== undefined) return known;
      const response = runMutation(machine, clock, request);
      responses.remember(request, response);
      return response;
    },
    close() {
      unlisten();
      untrace();
    },
  };
}

function runMutation(
  machine: Machine,
  clock: VersionedClock,
  { type, states, argsJson, traceContext }: MutationRequest,
): MutationResponse {
  const args = argsJson === undefined ? undefined : decodeArgs(argsJson);
  try {
    const result = machine[type](states, args, { context: traceContext });
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

function randomEpoch(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(8)));
}
