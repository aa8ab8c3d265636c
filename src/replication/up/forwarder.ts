/** Sends mutations up the link of a replica, and holds them up while it is made anew. */

import { ReplicationError } from "../clock/errors.ts";
import type { TimeSource } from "../clock/time_source.ts";
import { Gate } from "../clock/waiting.ts";
import type { MutateOptions } from "../down/server.ts";
import type { ReplicationTracer } from "../tracer.ts";
import type { MutationRequest, MutationResponse } from "../wire/mutation_messages.ts";
import { sendMutation, type Transport } from "./client.ts";

export interface ForwarderOptions {
  readonly transport: Transport;
  /** Longest that a mutation waits for a link that is not live before it is refused, in milliseconds. */
  readonly waitMs: number;
  /** Where to send to now. */
  readonly address: () => string;
  /** Why nothing can be sent now, for people. */
  readonly describe: () => string;
  readonly time: TimeSource;
  readonly tracer: ReplicationTracer | undefined;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #live: Gate;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#live = new Gate(options.time);
  }

  /** Only a live link leads to the root: nodes that know of none would send a mutation round in a circle. */
  set isLive(isLive: boolean) {
    this.#live.set(isLive);
  }

  /** See `Replica.mutate`. */
  async forward(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    const { transport, address, describe, waitMs, time, tracer } = this.#options;
    const startedAtMs = time.monotonic();
    try {
      if (!(await this.#live.pass(Math.min(options.timeoutMs, waitMs), options.signal)))
        throw new ReplicationError("unavailable", `Cannot forward the mutation: ${describe()}`);
      const timeoutMs = options.timeoutMs - (time.monotonic() - startedAtMs);
      const reply = await sendMutation(transport, address(), request, { ...options, timeoutMs });
      tracer?.forwarded?.(request, reply);
      return reply;
    } catch (thrown) {
      const error = ReplicationError.from(thrown);
      tracer?.forwarded?.(request, error);
      throw error;
    }
  }
}
