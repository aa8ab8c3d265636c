/** Forwards mutations over the link of a replica, and delays them while the link is established again. */

import type { CallRequest, CallResponse } from "../clock/call.ts";
import { ReplicationError } from "../clock/errors.ts";
import type { MutateOptions, MutationRequest, MutationResponse } from "../clock/mutation.ts";
import type { TimeSource } from "../clock/time_source.ts";
import { Gate } from "../clock/waiting.ts";
import { sendCall, sendMutation, type Transport } from "./client.ts";
import type { UpstreamTracer } from "./tracer.ts";

export interface ForwarderOptions {
  readonly transport: Transport;
  /** Longest that a mutation waits for a live link before it is refused, in milliseconds. */
  readonly waitMs: number;
  /** The upstream to send to now. */
  readonly address: () => string;
  /** Why nothing can be sent now, for error messages. */
  readonly describe: () => string;
  readonly time: TimeSource;
  readonly tracer: UpstreamTracer | undefined;
}

export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #live: Gate;

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#live = new Gate(options.time);
  }

  /** Only a live link leads to the root: nodes without one could forward a mutation in a circle. */
  set isLive(isLive: boolean) {
    this.#live.set(isLive);
  }

  /** See `Replica.mutate`. */
  async forward(request: MutationRequest, options: MutateOptions): Promise<MutationResponse> {
    const { tracer } = this.#options;
    const sent = tracer?.forwarding?.(request) ?? request;
    try {
      const response = await this.#send("mutation", sendMutation, sent, options);
      tracer?.forwarded?.(sent, response);
      return response;
    } catch (thrown) {
      const error = ReplicationError.from(thrown);
      tracer?.forwarded?.(sent, error);
      throw error;
    }
  }

  /** See `Replica.call`. */
  call(request: CallRequest, options: MutateOptions): Promise<CallResponse> {
    return this.#send("call", sendCall, request, options);
  }

  async #send<Q, P>(
    what: "mutation" | "call",
    send: (transport: Transport, address: string, request: Q, options: MutateOptions) => Promise<P>,
    request: Q,
    options: MutateOptions,
  ): Promise<P> {
    const { transport, address, describe, waitMs, time } = this.#options;
    const startedAtMs = time.monotonic();
    if (!(await this.#live.pass(Math.min(options.timeoutMs, waitMs), options.signal)))
      throw new ReplicationError("unavailable", `Cannot forward the ${what}: ${describe()}`);
    const timeoutMs = options.timeoutMs - (time.monotonic() - startedAtMs);
    return await send(transport, address(), request, { ...options, timeoutMs });
  }
}
