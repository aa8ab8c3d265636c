/** The source: ties a machine to the clock that travels, and runs the mutations that come from anywhere in the tree. */

import { type Machine, MachineError } from "../../machine/mod.ts";
import type { MutationRequest, MutationResponse } from "../wire/mutation_messages.ts";
import { ReplicationError } from "./errors.ts";
import { toHex } from "./hex.ts";
import { RememberedResponses } from "./remembered_responses.ts";
import { systemTime, type TimeSource } from "./time_source.ts";
import { VersionedClock } from "./versioned_clock.ts";

export interface SourceOptions {
  readonly time?: TimeSource;
  /** 16 hex digits, or what makes them for each life of the clock; for tests. Default: random. */
  readonly epoch?: string | (() => string);
  /** How many idempotency keys are remembered. Default 10,000. */
  readonly maxKeys?: number;
}

export interface Source {
  readonly clock: VersionedClock;
  /** Runs a mutation. Throws {@linkcode ReplicationError} for one that the machine cannot run at all. */
  mutate(request: MutationRequest): MutationResponse;
  /** Stops following the machine. */
  close(): void;
}

/** Makes the source of a machine. Each change of its clock is one seq; a new schema is a new epoch. */
export function createSource(machine: Machine, options: SourceOptions = {}): Source {
  const { time = systemTime, maxKeys = 10_000 } = options;
  const clock = new VersionedClock();
  const replies = new RememberedResponses(maxKeys);
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
  const unlisten = machine.onClockChange((indexes) => {
    if (ticks.length < indexes.length) ticks = new Float64Array(indexes.length);
    for (let i = 0; i < indexes.length; i++) ticks[i] = machine.ticks[indexes[i]!]!;
    clock.advance(clock.seq + 1, indexes, ticks, time.now());
  });
  const untrace = machine.trace({ schemaChanged: () => begin(createEpoch()) });

  return {
    clock,
    mutate(request) {
      const { type, states, args, traceContext } = request;
      const known = replies.find(request);
      if (known !== undefined) return known;
      let reply: MutationResponse;
      try {
        const result = machine[type](states, args && { ...args }, { context: traceContext });
        reply = {
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
      replies.remember(request, reply);
      return reply;
    },
    close() {
      unlisten();
      untrace();
    },
  };
}

function randomEpoch(): string {
  return toHex(crypto.getRandomValues(new Uint8Array(8)));
}
